"""PostgreSQL and Valkey together, each ours or the one that DATABASE_URL or REDIS_URL names."""

import os
from collections.abc import Mapping

from portal.stack import external, identity, postgres
from portal.stack.children import Child
from portal.stack.console import StackError, step
from portal.stack.datadir import DataDir
from portal.stack.postgres import Postgres
from portal.stack.valkey import Valkey


class Servers:
    """Starts what is not given by URL; knows both URLs."""

    def __init__(self, data: DataDir, database_url: str, redis_url: str, throwaway: bool = False) -> None:
        self.data = data
        self.database_url = database_url
        self.redis_url = redis_url
        self.throwaway = throwaway
        self.postgres: Postgres | None = None
        self.valkey: Valkey | None = None

    def start(self, environ: Mapping[str, str]) -> None:
        """Start ours, check theirs. Raises StackError; whatever was started then still needs stop()."""
        if self.database_url:
            external.check_database(self.database_url)
        if self.redis_url:
            external.check_redis(self.redis_url)
        if self.database_url and self.redis_url:
            return
        data = self.data
        who = identity.choose(postgres.programs() / "postgres", data.root, data.postgres)
        if not self.database_url:
            self.postgres = Postgres(data, who, environ, self.throwaway)
            self._start_postgres(self.postgres)
        if not self.redis_url:
            self.valkey = Valkey(data, who, environ, self.throwaway)
            with step("Starting Valkey"):
                self.valkey.prepare()
                self.valkey.start()
            self.redis_url = self.valkey.url

    def _start_postgres(self, server: Postgres) -> None:
        folder = self.data.postgres
        if folder.exists() and not os.access(folder, os.R_OK | os.X_OK):
            raise StackError(f"{folder} belongs to another user. Run as that user or as root, or set another DATA_DIR.")
        if not folder.exists():
            with step("Making a PostgreSQL data directory"):
                server.prepare()
        with step("Starting PostgreSQL"):
            server.prepare()
            server.start()
            server.ensure_database()
        self.database_url = server.url

    def running(self) -> list[Child]:
        """The processes of ours."""
        ours = [server.child for server in (self.valkey, self.postgres) if server is not None]
        return [child for child in ours if child is not None]

    def stop(self) -> None:
        """Stop ours, both at once."""
        ours = self.running()
        for child in ours:
            child.ask_to_stop()
        for child in ours:
            child.wait_stopped()
