"""`make run`: everything the portal needs, started in order, kept running, and stopped together."""

import os
import time

from portal.stack import children, jobs, options, ports, services, supervise, welcome
from portal.stack.children import Child
from portal.stack.console import StackError, say, step
from portal.stack.datadir import DataDir
from portal.stack.options import Options
from portal.stack.servers import Servers
from portal.stack.supervise import Watched

READY_SECONDS = 90.0
COPY_SECONDS = 15.0


class Portal:
    """One running portal: its data directory, its servers and its own processes."""

    def __init__(self, chosen: Options) -> None:
        self.options = chosen
        self.data = DataDir(chosen.data_dir)
        self.servers = Servers(self.data, chosen.database_url, chosen.redis_url)
        self.processes: list[Child] = []

    def run(self) -> None:
        """Returns never: ends by Stopped (somebody asked) or StackError (something cannot be helped)."""
        try:
            self.data.open()
            left = children.end_orphans(str(self.data.root))
            if left:
                say(f"Ended {left} processes that a killed portal had left")
            with ports.reserve(self.options.host, self.options.port):
                self._start_servers()
                environ = services.environ(self.options, self.data, self.servers)
                self._publish(environ)
                self._set_up(environ)
                self._serve(environ)
        finally:
            self.stop()

    def _start_servers(self) -> None:
        marker = {children.MARKER: str(self.data.root)}
        self.servers.start(dict(os.environ) | marker)

    def _publish(self, environ: dict[str, str]) -> None:
        self.data.publish(
            database_url=environ["DATABASE_URL"],
            redis_url=environ["REDIS_URL"],
            secret_key=environ["SECRET_KEY"],
            pid=os.getpid(),
        )

    def _set_up(self, environ: dict[str, str]) -> None:
        static = jobs.StaticFiles(self.data)
        migrate = jobs.manage(self.data, environ, "migrate", "--no-input")
        if static.fresh():
            with step("Migrating the database"):
                jobs.finish_all(migrate)
        else:
            with step("Migrating the database and collecting static files"):
                jobs.finish_all(migrate, jobs.manage(self.data, environ, "collectstatic", "--no-input"))
                static.note()
        with step("Filling the database with demo data, where it is empty"):
            jobs.finish_all(jobs.manage(self.data, environ, "seed_demo", "--if-empty"))

    def _serve(self, environ: dict[str, str]) -> None:
        self.processes = [
            services.web(self.options, self.data, environ),
            services.worker(self.options, self.data, environ),
            services.beat(self.options, self.data, environ),
        ]
        watched = [Watched.process(child) for child in self.processes]
        with step("Starting the web server, the worker and beat"):
            for each in watched:
                each.begin()
            watched += self._watched_servers()
            self._wait_ready(watched)
        say(welcome.block(self.options, self.data.demo, self.servers.postgres is not None))
        supervise.watch(watched, lambda: False)

    def _watched_servers(self) -> list[Watched]:
        ours = (self.servers.postgres, self.servers.valkey)
        now = time.monotonic()
        return [
            Watched(server.title, server.start, server.current, started_at=now) for server in ours if server is not None
        ]

    def _wait_ready(self, watched: list[Watched]) -> None:
        started = time.monotonic()
        last = (0, "")

        def ready() -> bool:
            nonlocal last
            last = welcome.ask(self.options, "GET", welcome.READY_PATH)
            waited = time.monotonic() - started
            if waited > READY_SECONDS:
                why = f"answers {last[0]} {last[1][:200]}" if last[0] else "does not answer"
                raise StackError(f"{welcome.READY_PATH} {why} after {READY_SECONDS:g} s (see {self.data.log})")
            # The compiled copy of a large database takes some seconds; the first questions should find it.
            return last[0] == 200 and ('"cache"' in last[1] or waited > COPY_SECONDS)

        supervise.watch(watched, ready)

    def stop(self) -> None:
        """Stop everything, the portal before its servers. Safe at any point of the start."""
        running = [child for child in self.processes if child.process is not None]
        if running or self.servers.running():
            say("Stopping …")
        self.data.stopping()
        for child in running:
            child.ask_to_stop()
        for child in running:
            child.wait_stopped()
        self.servers.stop()
        self.data.close()


def run() -> int:
    """Run the portal until somebody stops it; 0 after a clean stop. Raises StackError."""
    portal = Portal(options.read())
    portal.run()
    return 0
