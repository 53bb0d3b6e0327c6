"""`make run` from start to stop, with everything in it real: servers, migrations, demo data, web, worker and beat."""

import json
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
import redis

from portal.stack.options import PROJECT
from tests.docs import running
from tests.docs.pages import DOCS
from tests.stack.driver import Portal, environ, refused, wait_for

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """One data directory for this module, under a name that shells and URLs dislike."""
    found = Portal(tmp_path_factory.mktemp("a path with 'quotes' and ü") / "var")
    yield found
    found.end()


def _servers(portal):
    return json.loads(portal.data.joinpath("servers.json").read_text())


def _get(portal, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{portal.port}{path}", timeout=10) as answer:
        return answer.status


def test_start_and_stop(portal):
    """In the order of a first day: start, ask, use manage.py, try to start a second one, stop."""
    text = portal.start()
    assert _get(portal, "/readyz") == 200
    assert re.search(r"admin +password \S+", text)
    curl = shlex.split(next(line for line in text.splitlines() if line.startswith("curl ")))
    headers = dict(part.split(": ", 1) for flag, part in pairwise(curl) if flag == "-H")
    question = urllib.request.Request(curl[2], curl[curl.index("-d") + 1].encode(), headers)
    with urllib.request.urlopen(question, timeout=10) as answer:
        assert json.load(answer)["reason"]

    for name in ("servers.json", "secrets.json", "demo.json"):
        assert portal.data.joinpath(name).stat().st_mode & 0o777 == 0o600
    with psycopg.connect(_servers(portal)["database_url"], autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (what text)")
        connection.execute("INSERT INTO kept VALUES ('one row')")
    redis.Redis.from_url(_servers(portal)["redis_url"]).set("kept", "one key")
    showed = subprocess.run(
        [sys.executable, "manage.py", "showmigrations", "--plan"],
        cwd=PROJECT,
        env=environ(portal.data),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "[X]" in showed.stdout
    assert "[ ]" not in showed.stdout

    assert "already runs" in refused(environ(portal.data, PORT="1"))

    assert portal.signal(signal.SIGTERM) == 0
    assert portal.left() == []
    assert not portal.data.joinpath("servers.json").exists()


def test_kill_and_start_again(portal):
    """After a kill -9 nothing stays behind, and the next start finds the data of the one before."""
    portal.start()
    portal.signal(signal.SIGKILL)
    text = portal.start()
    assert re.search(r"admin +password \S+", text)
    with psycopg.connect(_servers(portal)["database_url"]) as connection:
        assert connection.execute("SELECT what FROM kept").fetchall() == [("one row",)]
    assert redis.Redis.from_url(_servers(portal)["redis_url"]).get("kept") == b"one key"


def test_the_integrators_guide_can_be_followed(portal, tmp_path):
    """Every block of it, from the first line, and the answers as it shows them."""
    page = DOCS / "guides" / "integrator.md"
    printed = running.run(page, tmp_path, environ(portal.data), portal.port)
    answers = running.shown_answers(page, printed)
    assert len(answers) == 2
    for shown, answered in answers:
        assert running.agree(shown, answered), answered
    text = "".join(printed)
    assert "accepted ALLOWED This charge token may charge here." in text
    assert "200\n412\nsomebody was quicker: read it again\n200\n" in text
    assert "preview" in text
    assert "4.0E+12" in text


def test_servers_that_die_are_started_again(portal):
    before = _servers(portal)
    for word in ("bin/postgres", "valkey-server", "granian"):
        (pid,) = portal.children(word)
        subprocess.run(["kill", "-9", str(pid)], check=True)
        wait_for(lambda word=word, pid=pid: portal.children(word) not in ([], [pid]), 20)

    def answers():
        try:
            return _get(portal, "/readyz") == 200
        except OSError:
            return False

    wait_for(answers, 30)
    assert _servers(portal) == before
    with psycopg.connect(before["database_url"]) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1,)


def test_a_kill_alone_ends_everything(portal):
    """Without a next start that would clean up."""
    portal.signal(signal.SIGKILL)
    wait_for(lambda: portal.left() == [], 15)
    assert "Traceback" not in portal.output.read_text()
