"""Who sees to it that one follower works and another one waits, with a program in the follower's place."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stack.driver import wait_for

# As `manage.py follow`: takes the lock when it is free, lets the standby's go then, ends with its standard input.
FOLLOWER = """
import os, sys, threading, time
from pathlib import Path
from authorization.cache import guard
folder = Path(os.environ["FOLDER"])
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
(folder / f"{os.getpid()}.begun").touch()
while (lock := guard.try_lock(folder)) is None:
    time.sleep(0.05)
(folder / f"{os.getpid()}.works").touch()
os.close(int(sys.argv[3]))
time.sleep(600)
"""
WEB_PROCESS = """
import os, sys, time
from pathlib import Path
from authorization.cache import guard
guard.SETTLED = float(sys.argv[1])
guard.Guard(Path(os.environ["FOLDER"]), Path(sys.argv[2])).start()
time.sleep(600)
"""
Start = Callable[[float], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a web process with a guard that settles after so many seconds."""
    program = tmp_path / "program.py"
    program.write_text(FOLLOWER)
    environ = os.environ | {"FOLDER": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    started: list[subprocess.Popen[bytes]] = []

    def begin(settled: float) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", WEB_PROCESS, str(settled), str(program)]
        started.append(subprocess.Popen(command, env=environ))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


def _pids(folder: Path, said: str) -> set[int]:
    return {int(path.stem) for path in folder.glob(f"*.{said}")}


def test_a_standby_comes_once_the_node_has_settled(tmp_path: Path, start: Start) -> None:
    start(2.0)
    wait_for(lambda: _pids(tmp_path, "works"), 20)
    (worker,) = _pids(tmp_path, "begun")
    start(2.0)
    wait_for(lambda: len(_pids(tmp_path, "begun")) == 2, 20)
    (standby,) = _pids(tmp_path, "begun") - _pids(tmp_path, "works")
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: _pids(tmp_path, "works") == {worker, standby}, 20)


def test_before_that_another_one_is_started_where_the_follower_dies(tmp_path: Path, start: Start) -> None:
    start(600.0)
    wait_for(lambda: _pids(tmp_path, "works"), 20)
    (worker,) = _pids(tmp_path, "begun")
    start(600.0)
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: len(_pids(tmp_path, "works")) == 2, 20)


def test_followers_end_with_their_web_process(tmp_path: Path, start: Start) -> None:
    web = start(0.0)
    wait_for(lambda: _pids(tmp_path, "works"), 20)
    web.kill()
    web.wait()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in _pids(tmp_path, "begun")), 20)
