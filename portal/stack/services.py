"""The portal's own processes: the web server, the Celery worker and beat."""

import os
import signal
import sys
from collections.abc import Mapping

from portal.stack.children import MARKER, Child
from portal.stack.datadir import DataDir
from portal.stack.options import PROJECT, Options
from portal.stack.servers import Servers

WORKER_PROCESSES = 2


def environ(options: Options, data: DataDir, servers: Servers) -> dict[str, str]:
    """The environment of everything that is ours: where the servers are, and whose child it is."""
    # Variables of make and of another project's Python would change what our processes do.
    foreign = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "PYTHONSAFEPATH", "PYTHONHOME")
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    if servers.postgres is not None:
        kept = {name: value for name, value in kept.items() if not name.startswith("PG")}
    return kept | {
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.redis_url,
        "SECRET_KEY": options.secret_key or data.secrets()["secret_key"],
        "DATA_DIR": str(data.root),
        "HOST": options.host,
        "PORT": str(options.port),
        "WEB_WORKERS": str(options.web_workers),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PYTHONUNBUFFERED": "1",
        MARKER: str(data.root),
    }


def web(options: Options, data: DataDir, environment: Mapping[str, str]) -> Child:
    """granian, which starts its own workers again where one fails."""
    # One thread per connection of a worker's pool, so that none waits for one while it holds the interpreter.
    threads = environment.get("DATABASE_POOL_SIZE", "")
    command = ["granian", "--interface", "wsgi", "--host", options.host, "--port", str(options.port)]
    command += ["--workers", str(options.web_workers), "--blocking-threads", threads if threads.isdigit() else "8"]
    command += ["--respawn-failed-workers", "--respawn-interval", "1", "--workers-kill-timeout", "2"]
    command += ["--no-ws", "--log-level", "info", "portal.wsgi:application"]
    return _child("web server", "web.log", command, data, environment)


def worker(data: DataDir, environment: Mapping[str, str]) -> Child:
    """The Celery worker. A second signal makes it hand back what it does; tasks are acknowledged late."""
    command = ["celery", "-A", "portal.celery", "worker", "--concurrency", str(WORKER_PROCESSES), "--loglevel", "INFO"]
    # One worker has nobody to gossip with, and asking around costs a second at the start.
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    # What it counts, the web node beside it tells of.
    counts = data.root / "metrics"
    counts.mkdir(mode=0o700, parents=True, exist_ok=True)
    child = _child("worker", "worker.log", command, data, {**environment, "PROMETHEUS_MULTIPROC_DIR": str(counts)})
    child.hard_signal = child.death_signal = signal.SIGQUIT
    return child


def beat(data: DataDir, environment: Mapping[str, str]) -> Child:
    """Celery's clock; its schedule is in the database."""
    command = ["celery", "-A", "portal.celery", "beat", "--pidfile=", "--loglevel", "INFO"]
    return _child("beat", "beat.log", command, data, environment)


def _child(name: str, log: str, module: list[str], data: DataDir, environment: Mapping[str, str]) -> Child:
    return Child(
        name=name,
        command=[sys.executable, "-m", *module],
        cwd=PROJECT,
        log=data.log / log,
        environ=environment,
    )
