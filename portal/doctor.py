"""Looks at a deployment as this machine sees it, and says what is wrong and what to do about it."""

import json
import shutil
import smtplib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import redis
from django.conf import settings
from django.core import checks, mail
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from authorization import selectors
from authorization.api.health import MAX_SKEW
from authorization.models import Node
from portal.celery import app

GOOD, DOUBTFUL, WRONG = "good", "doubtful", "wrong"
EXTENSIONS = ("pg_trgm",)
OLDEST_DATABASE = 15
# The follower writes every few seconds; beat has a task every ten.
NODE_SILENT, BEAT_SILENT = timedelta(seconds=30), timedelta(minutes=2)
LEAST_SPACE = 1024**3  # bytes
PATIENCE = 2.0  # seconds
NO_DATABASE = "The database does not answer"


class Finding(NamedTuple):
    state: str
    part: str
    said: str
    hint: str = ""


def look() -> Iterator[Finding]:
    """Every finding, as it is made. What cannot be looked at is wrong too."""
    down = False
    for part, looked in LOOKS.items():
        if down and part in ASKS_THE_DATABASE:
            continue
        try:
            for finding in looked():
                down = down or finding.said.startswith(NO_DATABASE)
                yield finding
        except Exception as error:
            # Never the text of the error: it may have an address with its password.
            said = f"It cannot be looked at: {type(error).__name__}."
            yield Finding(WRONG, part, said, "Look at what is said of the other parts first.")


def _settings() -> Iterator[Finding]:
    found = checks.run_checks(include_deployment_checks=settings.PRODUCTION)
    for message in found:
        state = WRONG if message.is_serious() else DOUBTFUL
        yield Finding(state, "settings", str(message.msg).split("\n")[0], str(message.hint or ""))
    if not found:
        yield Finding(GOOD, "settings", "Nothing is wrong with the environment.")
    if not settings.PRODUCTION:
        yield Finding(DOUBTFUL, "settings", "This is the development mode.", "Set PRODUCTION=true for a deployment.")


def _database() -> Iterator[Finding]:
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('server_version_num')::int / 10000, array(SELECT extname FROM pg_extension)"
            )
            version, extensions = cursor.fetchone() or (0, [])
    except DatabaseError as error:
        said = f"{NO_DATABASE}: {type(error).__name__}."
        yield Finding(WRONG, "database", said, "Look at DATABASE_URL, the server, and the network between.")
        return
    if version < OLDEST_DATABASE:
        said = f"PostgreSQL {version} is too old."
        yield Finding(WRONG, "database", said, f"Run PostgreSQL {OLDEST_DATABASE} or newer.")
    for name in {*EXTENSIONS} - {*extensions}:
        hint = f"Run CREATE EXTENSION {name} as a user who may, then `manage.py migrate`."
        yield Finding(WRONG, "database", f"The extension {name} is missing.", hint)
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        said = f"{len(plan)} migrations have not been run."
        yield Finding(WRONG, "database", said, "Run `manage.py migrate`, with the new code, before its nodes start.")
    else:
        yield Finding(GOOD, "database", f"PostgreSQL {version} answers, and is migrated.")


def _clock() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (theirs,) = cursor.fetchone() or (timezone.now(),)
    skew = (timezone.now() - theirs).total_seconds()
    if abs(skew) > MAX_SKEW:
        said = f"This machine's clock is {skew:+.1f} s off the database's: the node is not ready."
        yield Finding(WRONG, "clock", said, "Have NTP or chrony set the clocks of both machines.")
    else:
        yield Finding(GOOD, "clock", f"It is {abs(skew):.2f} s off the database's.")


def _broker() -> Iterator[Finding]:
    url = settings.REDIS_URL
    client: Any = redis.Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
    with client:
        try:
            client.ping()
        except redis.RedisError as error:
            said = f"Redis does not answer: {type(error).__name__}."
            yield Finding(WRONG, "redis", said, "Look at REDIS_URL, the server, and the network between.")
            return
        try:
            policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "")
        except redis.RedisError:
            said = "It does not tell its maxmemory-policy, as managed ones do not."
            yield Finding(DOUBTFUL, "redis", said, "See to it that it is noeviction: else tasks are lost.")
            return
    if policy != "noeviction":
        said = f"Its maxmemory-policy is {policy}: tasks are lost when it is full."
        yield Finding(WRONG, "redis", said, "Set maxmemory-policy to noeviction.")
    else:
        yield Finding(GOOD, "redis", "It answers, and evicts nothing.")


def _worker() -> Iterator[Finding]:
    answers = app.control.inspect(timeout=PATIENCE).ping() or {}
    if answers:
        yield Finding(GOOD, "worker", f"{len(answers)} answered.")
    else:
        hint = "Start `celery -A portal.celery worker`, and look at its log."
        yield Finding(WRONG, "worker", "No worker answers: imports and letters wait.", hint)


def _beat() -> Iterator[Finding]:
    hint = "Start `celery -A portal.celery beat`, one for the whole installation."
    latest = PeriodicTask.objects.filter(enabled=True).order_by("-last_run_at").exclude(last_run_at=None).first()
    if latest is None:
        yield Finding(WRONG, "beat", "It has never run a task.", hint)
    elif (silent := timezone.now() - latest.last_run_at) > BEAT_SILENT:
        yield Finding(WRONG, "beat", f"Its last task ran {silent.total_seconds() / 60:.0f} minutes ago.", hint)
    else:
        yield Finding(GOOD, "beat", "It runs.")


def _copies() -> Iterator[Finding]:
    nodes = list(Node.objects.filter(seen_at__gt=timezone.now() - NODE_SILENT).order_by("name"))
    committed = selectors.revision()
    if not nodes:
        hint = "Start a web node, and look at the log of its follower (`manage.py follow`)."
        yield Finding(WRONG, "copies", "No node has a copy that is looked after.", hint)
    for node in nodes:
        behind = committed - node.revision
        if behind > 0:
            hint = "Once is nothing: look again. If it stays so, look at the follower's log on that node."
            yield Finding(DOUBTFUL, "copies", f"{node.name} is {behind} revisions behind.", hint)
        else:
            yield Finding(GOOD, "copies", f"{node.name} is at revision {node.revision}.")


def _disk() -> Iterator[Finding]:
    folder = settings.DATA_DIR
    if not folder.exists():
        hint = "Make it, for the user that the processes run as, or set DATA_DIR."
        yield Finding(WRONG, "disk", f"{folder} is not there.", hint)
        return
    free = shutil.disk_usage(folder).free
    if free < LEAST_SPACE:
        hint = "Make room: the copy, the spool of decisions and uploads are there."
        yield Finding(WRONG, "disk", f"{free / 1024**2:.0f} MB are free at {folder}.", hint)
    else:
        yield Finding(GOOD, "disk", f"{free / 1024**3:.0f} GB are free at {folder}.")


def _static() -> Iterator[Finding]:
    manifest = settings.STATIC_ROOT / "staticfiles.json"
    try:
        number = len(json.loads(manifest.read_text())["paths"])
    except (OSError, ValueError, KeyError):
        hint = "Run `manage.py collectstatic --no-input` with the same DATA_DIR."
        yield Finding(WRONG, "static files", f"{manifest} is not there: pages would be errors.", hint)
    else:
        yield Finding(GOOD, "static files", f"{number} are collected.")


def _letters() -> Iterator[Finding]:
    if not settings.EMAIL_BACKEND.endswith("smtp.EmailBackend"):
        if settings.EMAIL_URL or not settings.PRODUCTION:
            yield Finding(DOUBTFUL, "e-mail", "Letters go to no mail server.", "Set EMAIL_URL for a deployment.")
        return
    server: Any = mail.get_connection(timeout=PATIENCE)
    try:
        server.open()
        server.close()
    except (OSError, smtplib.SMTPException) as error:
        hint = "Look at EMAIL_URL, the server, and the network between."
        yield Finding(WRONG, "e-mail", f"The mail server does not take letters: {type(error).__name__}.", hint)
    else:
        yield Finding(GOOD, "e-mail", "The mail server lets us in.")


LOOKS: dict[str, Callable[[], Iterator[Finding]]] = {
    "settings": _settings,
    "database": _database,
    "clock": _clock,
    "redis": _broker,
    "worker": _worker,
    "beat": _beat,
    "copies": _copies,
    "disk": _disk,
    "static files": _static,
    "e-mail": _letters,
}
ASKS_THE_DATABASE = ("clock", "beat", "copies")
