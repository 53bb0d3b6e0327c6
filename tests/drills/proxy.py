"""Proxies before the nodes: those of deploy/ where their program is on this machine, else a small one like them."""

import http.client
import itertools
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from portal.stack import ports
from portal.stack.options import PROJECT
from tests.drills.world import HOST, Node
from tests.stack.driver import wait_for

LOOK_EVERY = 0.25  # seconds
OF_ONE_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "date", "server")


class Door:
    """Where a proxy listens; a load asks it as it does a node."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.port = port
        self._numbers = itertools.count(1)

    def worker_of(self, port: int) -> int:
        """Nobody knows which process answers: each connection counts as another one."""
        return next(self._numbers)


@contextmanager
def small(nodes: Sequence[Node]) -> Iterator[Door]:
    """As deploy/haproxy.cfg says: asks /readyz, and asks another node only where one refuses the connection."""
    stopped = threading.Event()
    ready = {node.port: True for node in nodes}
    turns = itertools.count()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm: ClassVar[bool] = True  # type: ignore[misc]

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            connection = connected(self.path)
            if connection is None:
                self.send_error(503, "no node")
                return
            try:
                headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
                connection.request(self.command, self.path, body or None, headers | {"Connection": "close"})
                answer = connection.getresponse()
                found = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.send_error(502, type(error).__name__)
                return
            finally:
                connection.close()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in OF_ONE_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(found)))
            self.end_headers()
            self.wfile.write(found)

        do_POST = do_PATCH = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    def connected(path: str) -> http.client.HTTPConnection | None:
        """To a node whose turn it is, of those that are ready."""
        turn = next(turns)
        candidates = [port for port in ready if ready[port]]
        for number in range(len(candidates)):
            connection = http.client.HTTPConnection(HOST, candidates[(turn + number) % len(candidates)], timeout=15)
            try:
                connection.connect()
            except ConnectionRefusedError:
                continue
            return connection
        return None

    def look() -> None:
        while not stopped.wait(LOOK_EVERY):
            for node in nodes:
                ready[node.port] = node.ready()

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads = True
    threads = [threading.Thread(target=target, daemon=True) for target in (server.serve_forever, look)]
    for thread in threads:
        thread.start()
    try:
        yield Door("small", server.server_port)
    finally:
        stopped.set()
        server.shutdown()
        server.server_close()
        for thread in threads:
            thread.join(10)


@contextmanager
def nginx(nodes: Sequence[Node], folder: Path) -> Iterator[Door]:
    """deploy/nginx.conf with these nodes and a port of ours."""
    port = ports.free()
    text = _of_ours((PROJECT / "deploy" / "nginx.conf").read_text(), nodes)
    text = text.replace("listen 80;", f"listen {HOST}:{port};")
    # Without TLS: there is no certificate here. And all of the load comes from one address.
    text = re.sub(r"(?m)^ *(listen 443|ssl_|limit_req ).*\n", "", text).replace("portal.example.org", HOST)
    (folder / "site.conf").write_text(text)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;\n"
        f"events {{}}\nhttp {{ access_log {folder}/access.log;\n{temporary}include {folder}/site.conf; }}\n"
    )
    with _running(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], port):
        yield Door("nginx", port)


@contextmanager
def haproxy(nodes: Sequence[Node], folder: Path) -> Iterator[Door]:
    """deploy/haproxy.cfg with these nodes and a port of ours."""
    port = ports.free()
    text = _of_ours((PROJECT / "deploy" / "haproxy.cfg").read_text(), nodes)
    text = text.replace("bind :80", f"bind {HOST}:{port}").replace("portal.example.org", HOST)
    text = re.sub(r"(?m)^ *(bind :443|http-request deny|log /dev/log|maxconn|log global|option httplog).*\n", "", text)
    (folder / "haproxy.cfg").write_text(text)
    with _running(["haproxy", "-db", "-f", str(folder / "haproxy.cfg")], port):
        yield Door("haproxy", port)


def _of_ours(text: str, nodes: Sequence[Node]) -> str:
    for number, node in enumerate(nodes, 8001):
        assert f"127.0.0.1:{number}" in text
        text = text.replace(f"127.0.0.1:{number}", f"{HOST}:{node.port}")
    return text


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command)
    try:
        wait_for(lambda: _answers(port), 10)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


# The short drills take the last one that is at hand.
KINDS = {"small": None, "nginx": nginx, "haproxy": haproxy}


def at_hand(name: str) -> bool:
    return name == "small" or shutil.which(name) is not None


@contextmanager
def door(name: str, nodes: Sequence[Node], folder: Path) -> Iterator[Door]:
    folder.mkdir(parents=True)
    made = KINDS[name]
    with small(nodes) if made is None else made(nodes, folder) as found:
        yield found
