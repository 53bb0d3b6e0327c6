"""A small production: PostgreSQL, Valkey, two web nodes of two workers each, a Celery worker and beat; all is real."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from authorization.cache import guard
from portal.folders import folder_for
from portal.stack import identity, ports, postgres, services
from portal.stack.children import Child
from portal.stack.datadir import DataDir
from portal.stack.options import Options
from portal.stack.postgres import Postgres
from portal.stack.valkey import Valkey
from tests.drills.changes import Admin, Api, Csv, Hand, Sql, Way
from tests.drills.oracle import Change, Subject
from tests.stack import driver

WORKERS = 2  # a node
CARDS = 25
CROWD = 60_000
HOST = "127.0.0.1"
# Unlike other tests', what this server has committed outlives its death: only the machine's would lose it.
DURABLE = {"synchronous_commit": "on", "full_page_writes": "on", "track_commit_timestamp": "on"}
OPTIONS = Options(HOST, 0, WORKERS, Path(), "", "", "")  # the processes read theirs from their environment


def production(child: Child, name: str) -> Child:
    """The same, started as units and containers do."""
    child.command = [sys.executable, "-m", "portal.stack", name]
    return child


class Node:
    """A web server with its own port, data directory and compiled copy."""

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self.name = root.name
        self.data = DataDir(root)
        self.data.open()
        (root / "static").symlink_to(root.parent / "static")
        self.port = ports.free()
        self._holder = ports.reserve(HOST, self.port)
        own = {"DATA_DIR": str(root), "PORT": str(self.port), "WEB_WORKERS": str(WORKERS)}
        self.cache = folder_for(root / "cache", environment["DATABASE_URL"])
        self.environment = {**environment, **own}
        self.web = production(services.web(OPTIONS, self.data, self.environment), "web")

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def workers(self) -> list[int]:
        """The processes that answer; others that granian starts serve no connection and do no harm here."""
        return [pid for pid in driver.pids() if driver.parent(pid) == self.web.pid]

    def follower(self) -> int:
        """The process that keeps the copy fresh, by its lock; 0 where there is none now."""
        try:
            inode = str((self.cache / guard.LOCK).stat().st_ino)
        except OSError:
            return 0
        locks = (line.split() for line in Path("/proc/locks").read_text().splitlines())
        return next((int(lock[4]) for lock in locks if lock[1] == "FLOCK" and lock[5].split(":")[-1] == inode), 0)

    def copy(self) -> Path:
        """The data file of the copy in use."""
        return self.cache / "current" / "data.mdb"

    def copies(self) -> list[Path]:
        return list(self.cache.glob("copy-*"))

    def worker_of(self, port: int) -> int:
        """The process at the other end of a connection from a local port, as the kernel has it; 0 if unknown."""
        inode = _inode(self.port, port)
        holders = (pid for pid in self.workers() if inode and _has_socket(pid, inode))
        return next(holders, 0)

    def close(self) -> None:
        """Once its web server has ended."""
        self._holder.close()
        self.data.close()


def _inode(server: int, client: int) -> str:
    """The server's socket of a loopback connection."""
    local, remote = f"0100007F:{server:04X}", f"0100007F:{client:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == local and fields[2] == remote:
            return fields[9]
    return ""


def _has_socket(pid: int, inode: str) -> bool:
    with suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                if os.readlink(entry.path) == f"socket:[{inode}]":  # noqa: PTH115 - many, and often
                    return True
    return False


class World:
    """All of it, between start() and stop()."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="chargeward-drill-"))
        self.root.chmod(0o711)  # PostgreSQL may run as another user, who must be able to enter
        self.data = DataDir(self.root)
        self.nodes: list[Node] = []
        self.parts: dict[str, Child] = {}
        self.hand: Hand | None = None
        self.cast: dict[str, Any] = {}
        self.subjects: list[Subject] = []
        self.cards: list[Subject] = []
        self.steady: list[Subject] = []  # those that nobody changes
        self.in_force: list[tuple[float, int]] = []  # when a page of the portal said so, and of which revision
        self.stalls: list[tuple[str, float, float]] = []  # nodes that were stopped, from when until when
        self._ways: dict[str, dict[str, Way]] = {}
        who = identity.choose(postgres.programs() / "postgres", self.root, self.data.postgres)
        self.postgres = Postgres(self.data, who, driver.environ(self.root), throwaway=True)
        self.postgres.settings |= DURABLE
        self.valkey = Valkey(self.data, who, driver.environ(self.root), throwaway=True)

    def start(self) -> None:
        self.data.open()
        self._start_servers()
        environment = self.environment = driver.environ(
            self.root,
            DATABASE_URL=self.postgres.url,
            REDIS_URL=self.valkey.url,
            SECRET_KEY=self.data.secrets()["secret_key"],
            PYTHONUNBUFFERED="1",
            # Its clients ask about unknown cards all the time.
            UNKNOWN_TOKENS_PER_CPO="0",
            PUSH_ALLOWED_NETWORKS="127.0.0.0/8",
        )
        self.hand = Hand(environment)
        # First: a follower that reads while every table is made has been seen in a deadlock with the migrations.
        self.cast = self.hand.ask("prepare", CARDS, CROWD)
        assert "error" not in self.cast, self.cast
        self.nodes = [Node(self.root / name, environment) for name in ("north", "south")]
        for node in self.nodes:
            node.web.start()
        self._introduce()
        self.parts = {
            "worker": production(services.worker(OPTIONS, self.data, environment), "worker"),
            "beat": production(services.beat(OPTIONS, self.data, environment), "beat"),
        }
        for child in self.parts.values():
            child.start()
        driver.wait_for(lambda: all(node.ready() and node.copy().exists() for node in self.nodes), 60)

    def _start_servers(self) -> None:
        self.postgres.prepare()
        self.postgres.start()
        self.postgres.ensure_database()
        self.valkey.prepare()
        self.valkey.start()

    def _introduce(self) -> None:
        """The questions that are asked: cards that come and go, and some that must never be let in."""
        cast, here = self.cast, {"evse_id": self.cast["evse"]}
        self.cards = [
            Subject(f"card {n}", here | {"id_token": uid}, "TOKEN_BLOCKED", token)
            for n, (token, uid) in enumerate(cast["cards"])
        ]
        self.toggled = Subject("ruled", here | {"id_token": cast["toggled"]}, "BLACKLISTED")
        stranger = {"id_token": cast["cards"][0][1], "location_id": cast["closed"]}
        never = [
            Subject("banned", here | {"id_token": cast["banned"]}, "BLACKLISTED"),
            Subject("unknown", here | {"id_token": "04FFFFFFFFFFFF"}, "UNKNOWN_TOKEN"),
        ]
        for subject in (*self.cards, self.toggled):
            subject.changes.append(Change("ALLOWED", 0, 0))
        for subject in never:
            subject.changes.append(Change(subject.refused, 0, 0))
        # Card 0 is never changed, so this has one answer too.
        closed = Subject("stranger", stranger, "NOT_ON_AUTHORIZATION_LIST")
        closed.changes.append(Change(closed.refused, 0, 0))
        self.steady = [self.cards[0], *never, closed]
        self.subjects = [*self.cards, self.toggled, *never, closed]

    def ways(self, who: str) -> dict[str, Way]:
        """Every way of changing a token, each with a connection of its own that this one keeps."""
        if who not in self._ways:
            self._ways[who] = self.ways_at(self.nodes[0].port, self.nodes[1].port)
        return self._ways[who]

    def ways_at(self, admin: int, api: int) -> dict[str, Way]:
        """The same, through these ports."""
        assert self.hand is not None
        return {
            "admin": Admin(admin, lambda revision, at: self.in_force.append((at, revision))),
            "api": Api(api, self.cast["admin"]),
            "update()": self.hand,
            "sql": Sql(self.postgres.url),
        }

    def csv(self, rows: int) -> Csv:
        uids = dict(self.cast["cards"])
        return Csv(self.nodes[1].port, self.cast["admin"], self.cast["provider"], uids, rows)

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.postgres.url, autocommit=True, connect_timeout=5)

    def backed_up(self, to: Path) -> None:
        """PostgreSQL's files as they are now, kept aside; it is stopped meanwhile."""
        self._stop_postgres(signal.SIGINT)
        subprocess.run(["cp", "-a", str(self.data.postgres), str(to)], check=True)
        self.postgres.start()

    def replace_postgres(self, files: Path | None = None) -> None:
        """Another server at the same address, on these files, or on those of the one that is killed."""
        self._stop_postgres(signal.SIGKILL)
        former = self.data.postgres.with_name("postgres.former")
        self.data.postgres.rename(former)
        subprocess.run(["cp", "-a", str(files or former), str(self.data.postgres)], check=True)
        shutil.rmtree(former)
        self.postgres.start()

    def _stop_postgres(self, how: signal.Signals) -> None:
        child = self.postgres.child
        assert child is not None
        os.kill(child.pid, how)
        child.wait_stopped()

    def server_processes(self) -> list[int]:
        """PostgreSQL's, the first of all before its children."""
        first = self.postgres.child.pid if self.postgres.child else 0
        return [first, *(pid for pid in driver.pids() if driver.parent(pid) == first)]

    @contextmanager
    def paused(self, pids: list[int]) -> Iterator[None]:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def other(self, node: Node) -> Node:
        return next(each for each in self.nodes if each is not node)

    def tend(self) -> None:
        """Starts again what has ended by itself, as whoever supervises it does."""
        for child in (*(node.web for node in self.nodes), *self.parts.values()):
            if child.exit_code() is not None:
                child.wait_stopped()
                child.start()

    def restart(self, name: str) -> None:
        """Starts a part again that was killed, as whoever supervises it does."""
        child = self.parts[name]
        child.wait_stopped()
        child.start()

    def logs(self) -> str:
        """What the web nodes and servers had to say, for a drill that failed."""
        texts = []
        for log in sorted(self.root.glob("**/log/*.log")):
            lines = log.read_text(errors="replace").splitlines()[-40:]
            texts += [f"--- {log.relative_to(self.root)}", *lines]
        return "\n".join(texts)

    def stop(self) -> None:
        """All of it, and nobody stays behind."""
        if self.hand is not None:
            self.hand.close()
        ours = [*(node.web for node in self.nodes), *self.parts.values()]
        servers = [server.child for server in (self.valkey, self.postgres) if server.child is not None]
        for children in (ours, servers):
            for child in children:
                child.ask_to_stop()
            for child in children:
                child.wait_stopped()
        for node in self.nodes:
            node.close()
        self.data.close()
        left = self._left()
        shutil.rmtree(self.root, ignore_errors=True)
        assert not left, left

    def _left(self) -> list[str]:
        """What still runs; a follower ends on its own when its web server is gone."""
        roots = [str(self.root), *(str(node.data.root) for node in self.nodes)]

        def left() -> list[int]:
            return [pid for pid in driver.pids() if any(driver.belongs(pid, root) for root in roots)]

        with suppress(AssertionError):
            driver.wait_for(lambda: not left(), 5)
        return [driver.command(pid) for pid in left()]
