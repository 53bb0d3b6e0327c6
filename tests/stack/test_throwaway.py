"""`python -m portal.stack test -- CMD`: own servers, CMD's exit code, and nothing left behind."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from portal.stack.options import PROJECT
from tests.stack.driver import environ, stack, wait_for

SHOW = """
import os, pathlib, psycopg, redis
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    query = "select current_setting('is_superuser'), current_setting('server_encoding')"
    assert connection.execute(query).fetchone() == ("off", "UTF8")
    connection.execute("create extension pg_trgm")
assert redis.Redis.from_url(os.environ["REDIS_URL"]).ping()
print("OWNER", pathlib.Path(os.environ["DATA_DIR"]).parent.joinpath("postgres").stat().st_uid)
"""


def _show(folder: Path) -> subprocess.CompletedProcess[str]:
    return stack(["test", "--", sys.executable, "-c", SHOW], environ(folder, TMPDIR=str(folder)))


def test_servers_and_exit_code(tmp_path):
    folder = tmp_path / 'it\'s a "path" with spaces & ümläuts'
    folder.mkdir()
    done = _show(folder)
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []
    failing = stack(["test", "--", "sh", "-c", "exit 7"], environ(folder, TMPDIR=str(folder)))
    assert failing.returncode == 7
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to lend PostgreSQL another user")
def test_as_root_in_open_and_closed_places():
    """Where nobody can enter it runs as nobody; elsewhere in a namespace, and root's directory stays closed."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        for mode, owners in ((0o711, ("0", "65534")), (0o700, ("0",))):
            folder.chmod(mode)
            done = _show(folder)
            assert done.returncode == 0, done.stderr
            assert done.stdout.split("OWNER ")[1].strip() in owners
            assert folder.stat().st_mode & 0o777 == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("uid", [65534, 12345])
def test_as_an_ordinary_user(uid):
    """One with a name, and a number that no user has, as containers like to use."""
    tried = (
        subprocess.run(
            [sys.executable, "-c", "import portal.stack.servers"],
            cwd=PROJECT,
            user=uid,
            group=uid,
            extra_groups=[],
            check=False,
        )
        if _can_run(uid)
        else None
    )
    if tried is None or tried.returncode:
        pytest.skip("the interpreter or the project is closed to other users")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        os.chown(name, uid, uid)
        done = subprocess.run(
            [sys.executable, "-m", "portal.stack", "test", "--", sys.executable, "-c", SHOW],
            cwd=PROJECT,
            env=environ(Path(name), TMPDIR=name, HOME="/nonexistent"),
            user=uid,
            group=uid,
            extra_groups=[],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert f"OWNER {uid}" in done.stdout
        assert list(Path(name).iterdir()) == []


def _can_run(uid: int) -> bool:
    try:
        done = subprocess.run([sys.executable, "-c", ""], user=uid, group=uid, extra_groups=[], check=False)
    except OSError:
        return False
    return done.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(tmp_path, number):
    process = subprocess.Popen(
        [sys.executable, "-m", "portal.stack", "test", "--", "sh", "-c", 'touch "$TMPDIR/started"; exec sleep 60'],
        cwd=PROJECT,
        env=environ(tmp_path, TMPDIR=str(tmp_path)),
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(tmp_path.joinpath("started").exists, 30)
    process.send_signal(number)
    assert process.wait(20) == 128 + number
    assert [path.name for path in tmp_path.iterdir()] == ["started"]
