"""The command line of each of the portal's processes, in one place: for `make run`, units, containers and tests.

`python -m portal.stack web` and the like become the program, so whoever supervises signals the program itself.
"""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from portal.stack.console import StackError
from portal.stack.options import PROJECT, Options

DRAINING = "draining"  # in DATA_DIR: `manage.py drain` makes it, /readyz looks for it
FINISH_SECONDS = 30  # for answers that are under way when a web node is stopped; systemd and Kubernetes wait longer
QUICK_SECONDS = 2  # the same for `make run`, where somebody waits for the prompt


def web(options: Options, finish: int = FINISH_SECONDS) -> list[str]:
    """granian, which starts its own workers again where one fails. finish: seconds for answers under way."""
    command = ["granian", "--interface", "wsgi", "--host", options.host, "--port", str(options.port)]
    # One thread per connection of a worker's pool, so that none waits for one while it holds the interpreter.
    command += ["--workers", str(options.web_workers), "--blocking-threads", str(options.pool_size)]
    command += ["--respawn-failed-workers", "--respawn-interval", "1", "--workers-kill-timeout", str(finish)]
    return [*_python(), *command, "--no-ws", "--log-level", "info", "portal.wsgi:application"]


def worker(options: Options) -> list[str]:
    """The Celery worker. A second signal makes it hand back what it does; tasks are acknowledged late."""
    command = ["celery", "-A", "portal.celery", "worker", "--concurrency", str(options.worker_processes)]
    # Each has a name of its own, for several may be on one machine. They share nothing but the queue, so they need not
    # gossip, and asking around costs a second at the start.
    command += ["--hostname", f"worker{os.getpid()}@%h", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    return [*_python(), *command, "--loglevel", "INFO"]


def beat(_options: Options) -> list[str]:
    """Celery's clock; its schedule is in the database."""
    return [*_python(), "celery", "-A", "portal.celery", "beat", "--pidfile=", "--loglevel", "INFO"]


def bridge(_options: Options) -> list[str]:
    """Josev's messages over MQTT."""
    return [*_python()[:1], "manage.py", "josev_bridge"]


def gateway(_options: Options) -> list[str]:
    """OCPP 1.6 and 2.0.1 over WebSocket."""
    return [*_python()[:1], "manage.py", "ocpp_gateway"]


PROGRAMS = {"web": web, "worker": worker, "beat": beat, "bridge": bridge, "gateway": gateway}


def become(name: str, options: Options, environ: Mapping[str, str]) -> None:
    """Turn this process into the program. Raises StackError where it cannot be run."""
    if name == "web":
        # A node that starts is one that may be asked again.
        with suppress(FileNotFoundError):
            (options.data_dir / DRAINING).unlink()
    os.chdir(PROJECT)
    command = PROGRAMS[name](options)
    try:
        os.execve(command[0], command, {**environ, "DJANGO_SETTINGS_MODULE": "portal.settings"})  # noqa: S606
    except OSError as error:
        raise StackError(f"cannot run {command[0]}: {error.strerror}.") from None


def _python() -> list[str]:
    """Ours, by its release's own path: a link like `current` may lead to the next release while the process runs."""
    found = Path(sys.executable)
    return [str(found.parent.resolve() / found.name), "-m"]
