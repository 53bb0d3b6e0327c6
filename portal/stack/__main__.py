"""`python -m portal.stack run` and `test -- COMMAND …`, as the Makefile calls them; `web`, `worker`, `beat`, `bridge`
and `gateway`, as units and containers do."""

import argparse
import errno
import os
import signal
import sys
from types import FrameType

from portal.stack import linux, options, programs, throwaway
from portal.stack.console import StackError, Stopped, complain, prepare_output

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOOK_SECONDS = 0.3


def _stop(number: int, _frame: FrameType | None) -> None:
    # The first one stops us; the clean-up that follows is bounded in time and is not to be interrupted.
    signal.setitimer(signal.ITIMER_REAL, 0)
    for each in SIGNALS:
        if signal.getsignal(each) is _stop:
            signal.signal(each, lambda *_: None)
    raise Stopped(number)


def _catch_signals() -> None:
    for number in SIGNALS:
        # `nohup make run` wants to outlive its terminal.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)
    if "MAKELEVEL" in os.environ:
        linux.die_with_parent(os.getppid())  # a killed `make` must not leave a portal that nobody sees
        signal.signal(signal.SIGALRM, _look_at_make)
        signal.setitimer(signal.ITIMER_REAL, LOOK_SECONDS, LOOK_SECONDS)


def _look_at_make(_number: int, frame: FrameType | None) -> None:
    if linux.make_was_interrupted(os.getppid()):
        _stop(signal.SIGINT, frame)


def _become(name: str) -> int:
    try:
        programs.become(name, options.read(), os.environ)
    except StackError as error:
        complain(str(error))
    return 1


def _explain(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"the disk is full{where}. Free some space, or set DATA_DIR to a directory on another disk."
    return f"{error.strerror or error}{where}. Set DATA_DIR to a directory that you may write to."


def main(arguments: list[str]) -> int:
    """The exit code: 0 after a clean stop, 1 after a problem that was explained, CMD's own for `test`."""
    parser = argparse.ArgumentParser(prog="python -m portal.stack", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("run", help="start everything, and stop it on Ctrl-C")
    test = actions.add_parser("test", help="run a command with throwaway servers")
    test.add_argument("command", nargs=argparse.REMAINDER)
    for name, program in programs.PROGRAMS.items():
        actions.add_parser(name, help=f"become this process, with the environment's servers: {program.__doc__}")
    chosen = parser.parse_args(arguments)
    prepare_output()
    if chosen.action in programs.PROGRAMS:
        return _become(chosen.action)
    _catch_signals()
    try:
        if chosen.action == "test":
            command = chosen.command[1:] if chosen.command[:1] == ["--"] else chosen.command
            return throwaway.run(command) if command else parser.error("test needs a command")
        from portal.stack.run import run

        return run()
    except StackError as error:
        complain(str(error))
    except OSError as error:
        complain(_explain(error))
    except Stopped as stop:
        return 0 if chosen.action == "run" else 128 + int(stop.args[0])
    finally:
        # Python gives its handlers up before it ends, and an alarm that nobody handles is deadly.
        signal.setitimer(signal.ITIMER_REAL, 0)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
