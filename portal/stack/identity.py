"""Which user the servers run as. PostgreSQL refuses to run as root, so root must lend it another one."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal.stack import linux
from portal.stack.console import StackError


@dataclass(frozen=True, slots=True)
class Identity:
    """Ourselves (the default), another user (`uid`), or ourselves seen as `nobody` in a user namespace."""

    uid: int | None = None
    gid: int | None = None
    namespace: bool = False

    def popen(self) -> dict[str, Any]:
        """Arguments for subprocess."""
        return {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def enter(self) -> None:
        """Called in the child before its program starts."""
        if self.namespace:
            linux.become_nobody_in_namespace()

    def own(self, tree: Path) -> None:
        """Give a directory of ours, with all in it, to this identity. Only root can, and only root needs to."""
        if os.geteuid() != 0 or not tree.exists():
            return
        uid, gid = (0, 0) if self.uid is None else (self.uid, self.gid or 0)
        if tree.stat().st_uid == uid:
            return
        for folder, names, files in os.walk(tree):
            for name in (".", *names, *files):
                os.chown(Path(folder) / name, uid, gid, follow_symlinks=False)


def choose(program: Path, directory: Path, current: Path) -> Identity:
    """Who shall run `program` on data in `directory`; `current` is the data that may already have an owner.

    Raises StackError where we are root and nobody else can reach both.
    """
    if os.geteuid() != 0:
        # A container may run as a number that no user has, and PostgreSQL asks for its name.
        nameless = Identity(namespace=True)
        return nameless if not _has_name() and _works(nameless, program, directory) else Identity()
    owner = current.stat().st_uid if current.exists() else 0
    for identity in (_other_user(owner), Identity(namespace=True)):
        if _works(identity, program, directory):
            return identity
    raise StackError(
        f"PostgreSQL refuses to run as root, and the user nobody cannot enter {directory} or {program.parent}. "
        "Run as an ordinary user, or put the project and DATA_DIR where every user may enter (chmod o+x)."
    )


def _has_name() -> bool:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return True


def _other_user(owner: int) -> Identity:
    if owner != 0:
        try:
            return Identity(owner, pwd.getpwuid(owner).pw_gid)
        except KeyError:
            return Identity(owner, owner)
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return Identity(linux.NOBODY, linux.NOBODY)
    return Identity(entry.pw_uid, entry.pw_gid)


def _works(identity: Identity, program: Path, directory: Path) -> bool:
    """Whether this identity can enter the directory and run the program: tried, not computed."""
    script = 'cd -- "$1" && exec "$0" --version'
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", script, program, directory],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            preexec_fn=identity.enter,
            check=False,
            **identity.popen(),
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
