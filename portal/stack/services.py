"""The portal's own processes: the web server, the Celery worker and beat."""

import os
import signal
from collections.abc import Mapping

from portal.stack import programs
from portal.stack.children import MARKER, Child
from portal.stack.datadir import DataDir
from portal.stack.options import PROJECT, Options
from portal.stack.servers import Servers


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
    """The web server with its workers."""
    return _child("web server", "web.log", programs.web(options, programs.QUICK_SECONDS), data, environment)


def worker(options: Options, data: DataDir, environment: Mapping[str, str]) -> Child:
    """The Celery worker."""
    # What it counts, the web node beside it tells of.
    counts = data.root / "metrics"
    counts.mkdir(mode=0o700, parents=True, exist_ok=True)
    environment = {**environment, "PROMETHEUS_MULTIPROC_DIR": str(counts)}
    child = _child("worker", "worker.log", programs.worker(options), data, environment)
    child.hard_signal = child.death_signal = signal.SIGQUIT
    return child


def beat(options: Options, data: DataDir, environment: Mapping[str, str]) -> Child:
    """Celery's clock."""
    return _child("beat", "beat.log", programs.beat(options), data, environment)


def _child(name: str, log: str, command: list[str], data: DataDir, environment: Mapping[str, str]) -> Child:
    return Child(name=name, command=command, cwd=PROJECT, log=data.log / log, environ=environment)
