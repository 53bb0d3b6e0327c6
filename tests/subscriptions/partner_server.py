"""A partner's platform on loopback, which takes what it is sent, or is told to behave badly."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

OK = {"status_code": 1000, "status_message": "Success", "timestamp": "2026-01-01T00:00:00Z"}


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    raw: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def parts(self) -> list[str]:
        return [unquote(part) for part in self.path.strip("/").split("/")]


@dataclass
class Reply:
    """http, an envelope or raw bytes, headers. hang: seconds before it is sent; drop: the connection is cut."""

    http: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    hang: float = 0.0
    drop: bool = False
    drip: bool = False


class PartnerServer:
    """`answer(request)` says how; by default everything is taken. received: in order of arrival, taken or not."""

    def __init__(self) -> None:
        self.received: list[Request] = []
        self.answer: Callable[[Request], Reply] = lambda request: Reply()
        self.stopped = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30
            disable_nagle_algorithm = True  # head and body are two packets, which would wait 40 ms for each other

            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                request = Request(self.command, self.path, dict(self.headers), self.rfile.read(length))
                server.received.append(request)
                self.reply(server.answer(request))

            do_GET = do_PUT = do_PATCH = do_POST = do_DELETE = handle_any  # noqa: N815

            def reply(self, reply: Reply) -> None:
                if reply.hang:
                    server.stopped.wait(reply.hang)
                if reply.drop:
                    self.close_connection = True
                    return
                raw = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body or OK).encode()
                self.send_response(reply.http)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                if reply.drip:
                    for byte in raw:
                        if server.stopped.wait(0.3):
                            return
                        self.wfile.write(bytes([byte]))
                        self.wfile.flush()
                self.wfile.write(raw)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_: Any) -> None:
                pass

        self.http = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}"

    def stop(self) -> None:
        self.stopped.set()
        self.http.shutdown()
        self.http.server_close()

    def told(self) -> list[tuple[str, str]]:
        return [(request.method, request.path) for request in self.received]


@contextmanager
def partner_server() -> Iterator[PartnerServer]:
    server = PartnerServer()
    try:
        yield server
    finally:
        server.stop()
