"""What the kernel does for us: children that die with their parent, and a user namespace for PostgreSQL.

Elsewhere than on Linux these do nothing; the next start finds and stops what a killed supervisor left.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
NOBODY = 65534
# Loaded here, because a forked child must not load libraries.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(parent: int, death_signal: int = signal.SIGTERM) -> None:
    """Ask for `death_signal` when the parent dies. Called in the child, after it changed its user (which clears it)."""
    if _libc is None:
        return
    _libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def become_nobody_in_namespace() -> None:
    """Let this process see itself as `nobody` while it keeps its rights on root's files. Raises OSError.

    What `unshare --user --map-user=65534 --map-group=65534` does, without needing that program.
    """
    uid, gid = os.geteuid(), os.getegid()
    if _libc is None or _libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "no user namespaces here")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {gid} 1")


def make_was_interrupted(pid: int) -> bool:
    """Whether `make` got a SIGINT that it alone knows of.

    make expects that a terminal sends one to us as well and waits for us, for ever where somebody sent it with kill.
    While it waits, it is in its handler: SIGINT is blocked.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        return "make" in fields["Name"] and bool(int(fields["SigBlk"], 16) & 1 << (signal.SIGINT - 1))
    except (OSError, KeyError, ValueError):
        return False


def processes() -> list[int]:
    """The ids of all processes that can be seen; none where there is no /proc."""
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208  (ten times quicker)
    except OSError:
        return []


def has_marker(pid: int, marker: bytes) -> bool:
    """Whether a process was started with `marker` ("NAME=value") in its environment."""
    try:
        return marker in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def is_zombie(pid: int) -> bool:
    """Whether a process has ended and only waits to be collected by its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False
