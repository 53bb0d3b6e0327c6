"""The copy on disk: an LMDB environment that one process of the node writes and all of them read.

Layout of the folder: `current`, a link to the environment in use; `copy-…/`, environments; locks (guard). An
environment is made whole beside the one in use and put in its place by renaming the link. It is never synced: it
survives the death of any process, and after the death of the machine it is made anew, which is what the boot's id in
it is for.
"""

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from types import NoneType
from typing import Any

import lmdb
import orjson

from authorization import clock
from authorization.cache.documents import FORMAT, Document
from authorization.cache.rules import read_rule, read_rules
from authorization.engine.rules import Rules, compile_rules
from authorization.engine.types import Rule

MAP_SIZE = 1 << 36 if os.uname().machine.endswith("64") else 1 << 30  # address space, not memory
READERS = 4096
CHUNK = 100_000  # documents a transaction, while a copy is made
RULE_LOG = 10_000  # revisions whose rules a reader may catch up on one by one
MEMO_LIMIT = 10_000  # documents that a process keeps as they were read, of one revision
META, RULES = b"M", b"R"
CURRENT = "current"
DAMAGED = "damaged"  # a file beside the data that somebody could not read


Memo = dict[bytes | int, Any]  # an eMSP by its pk, all else by the key of its document


class NotReady(Exception):
    """There is no copy to answer from: none yet, one too old, or one that cannot be read. Ask the database."""


@dataclass(frozen=True, slots=True)
class Meta:
    """What the copy is a copy of.

    database: its address; whoever is connected to another one does not answer from this copy.
    rules: the last revision up to here that changed an exception; those since `rules_floor` are listed one by one.
    verified: time.monotonic() of this machine, before which every commit is in the copy.
    clock: the database's, as clock.compared() gave it; None where that is not known.
    """

    database: str
    revision: int
    stamp: str
    verified: float
    rules: int
    rules_floor: int
    clock: float | None = None

    def dump(self) -> bytes:
        values = self.database, self.revision, self.stamp, self.verified, self.rules, self.rules_floor, self.clock
        return orjson.dumps([FORMAT, boot_id(), *values])

    @classmethod
    def load(cls, raw: bytes | None) -> "Meta":
        """Raises NotReady for a copy of another release, or of before the machine started."""
        if raw is None:
            raise NotReady("The copy is not finished.")
        layout, boot, *rest = orjson.loads(raw)
        if layout != FORMAT or boot != boot_id():
            raise NotReady("The copy is of another release, or from before this machine started.")
        meta = cls(*rest)
        if type(meta.clock) not in (float, NoneType):
            raise NotReady("The copy does not say what the database's clock was.")
        return meta


_boot = ""


def boot_id() -> str:
    """Another one after each start of the machine; empty where the system does not say."""
    global _boot
    if not _boot:
        with contextlib.suppress(OSError):
            _boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return _boot


class Environment:
    """An open LMDB environment whose file is watched: one that was cut short would end the process at the next look."""

    def __init__(self, path: Path, *, write: bool) -> None:
        """Raises NotReady where there is no whole environment."""
        self.path = path
        self._file = -1
        self._page = os.sysconf("SC_PAGE_SIZE")  # as LMDB asks for it
        self._least = 2 * self._page
        try:
            self._file = os.open(path / "data.mdb", os.O_RDONLY)
            self.check()
            self.lmdb = lmdb.open(
                str(path), map_size=MAP_SIZE, max_readers=READERS, readonly=not write, create=write,
                sync=False, metasync=False, readahead=False, max_spare_txns=64, mode=0o600,
            )  # fmt: skip
            self.measure()
        except (OSError, lmdb.Error) as error:
            raise NotReady(f"The copy cannot be opened: {error}.") from None

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        # Bound early: when Python ends, this module may be gone before its objects.
        if self._file >= 0:
            close(self._file)

    def check(self) -> None:
        """Raises NotReady for a file that is shorter than what was in use of it when it was last measured."""
        if os.lseek(self._file, 0, os.SEEK_END) < self._least:  # a quarter of what fstat costs
            raise NotReady("The copy's file was cut short.")

    def measure(self) -> None:
        """As check(), for a file that may have grown."""
        self.check()
        # The first two pages, which this reads, are there by now.
        self._least = max(self._least, self.used())
        self.check()

    def used(self) -> int:
        """Bytes, as of the last commit."""
        return int((self.lmdb.info()["last_pgno"] + 1) * self._page)

    def exists(self) -> bool:
        """Whether it still has its name: who was deleted is read on by those who have it open, and by nobody else."""
        try:
            return os.fstat(self._file).st_ino == (self.path / "data.mdb").stat().st_ino
        except OSError:
            return False

    def mark_damaged(self) -> None:
        """Tells the process that writes it that it cannot be read."""
        with contextlib.suppress(OSError):
            (self.path / DAMAGED).touch()

    def is_damaged(self) -> bool:
        return (self.path / DAMAGED).exists()


class Overtaken(Exception):
    """Another process has written to the environment. The writer goes on from there; what it had to write is old."""


class Writer:
    """The environment in use, as the one process that changes it has it open.

    For a moment there may be two, where somebody deletes the lock: none writes over what it has not seen.
    """

    def __init__(self, path: Path) -> None:
        """Raises NotReady."""
        self.environment = Environment(path, write=True)
        try:
            with self.environment.lmdb.begin() as txn:
                self._take(txn.get(META))
        except (lmdb.Error, ValueError, TypeError) as error:
            raise NotReady(f"The copy cannot be read: {error}.") from None

    def _take(self, raw: bytes | None) -> None:
        self.meta, self._raw = Meta.load(raw), bytes(raw or b"")

    def check(self) -> None:
        """Raises NotReady for an environment that nobody must write to any more."""
        self.environment.measure()
        if not self.environment.exists():
            raise NotReady("The copy's file was deleted.")
        if self.environment.is_damaged():
            raise NotReady("The copy's file is damaged.")

    def apply(self, documents: Iterable[tuple[bytes, bytes | None]], meta: Meta) -> None:
        """Puts documents (or takes away those that are None) and the meta, all at once. Raises NotReady, Overtaken."""
        try:
            self._apply(documents, meta)
        except (lmdb.Error, orjson.JSONDecodeError) as error:
            raise NotReady(f"The copy cannot be written: {error}.") from None
        self._lengthen()

    def _apply(self, documents: Iterable[tuple[bytes, bytes | None]], meta: Meta) -> None:
        changed_rules: list[int] = []
        with self.environment.lmdb.begin(write=True) as txn:
            if (there := txn.get(META)) != self._raw:
                self._take(there)
                raise Overtaken
            for key, value in documents:
                if key[:1] == b"r":
                    changed_rules.append(int(key[1:]))
                if value is None:
                    txn.delete(key)
                else:
                    txn.put(key, value)
            if changed_rules:
                txn.put(_log_key(meta.revision), orjson.dumps(changed_rules))
                meta = replace(meta, rules=meta.revision, rules_floor=_trimmed(txn, meta.rules_floor))
            raw = meta.dump()
            txn.put(META, raw)
        self.meta, self._raw = meta, raw

    def beat(self, verified: float, database: str, clock: float | None = None) -> None:
        """Nothing changed: the copy holds all commits of this database before `verified`."""
        clock = self.meta.clock if clock is None else clock
        self.apply((), replace(self.meta, verified=verified, database=database, clock=clock))

    def _lengthen(self) -> None:
        """A page that was allotted and never written may lie behind the file's end, where a reader takes it for cut."""
        file, used = self.environment.path / "data.mdb", self.environment.used()
        if file.stat().st_size < used:
            os.truncate(file, used)


def _log_key(revision: int) -> bytes:
    return RULES + revision.to_bytes(8, "big")


def _trimmed(txn: lmdb.Transaction, floor: int) -> int:
    """Shortens the list of revisions that changed rules; the new floor."""
    cursor = txn.cursor()
    if not cursor.set_range(RULES):
        return floor
    logged = [bytes(key) for key in islice(cursor.iternext(values=False), RULE_LOG * 2) if key[:1] == RULES]
    if len(logged) < RULE_LOG * 2:
        return floor
    for key in logged[:RULE_LOG]:
        txn.delete(key)
    return int.from_bytes(logged[RULE_LOG - 1][1:], "big")


def make(folder: Path, documents: Iterable[Document], meta: Meta) -> Path:
    """A new environment of all documents, which come in the order of their keys; not in use yet."""
    path = folder / f"copy-{time.time_ns():x}-{os.getpid()}"
    path.mkdir(mode=0o700)
    environment = lmdb.open(str(path), map_size=MAP_SIZE, max_readers=READERS, sync=False, metasync=False, mode=0o600)
    source = iter(documents)
    while True:
        with environment.begin(write=True) as txn:
            consumed, added = txn.cursor().putmulti(islice(source, CHUNK), append=True)
        if consumed != added:
            raise RuntimeError("The documents came twice, or not in the order of their keys.")
        if consumed < CHUNK:
            break
    with environment.begin(write=True) as txn:
        txn.put(META, meta.dump())
    environment.close()
    return path


def use(folder: Path, path: Path) -> None:
    """Puts an environment in place of the one in use."""
    link = folder / f".{CURRENT}"
    link.unlink(missing_ok=True)
    link.symlink_to(path.name)
    link.replace(folder / CURRENT)


def tidy(folder: Path, keep: Path | None) -> None:
    """Removes every environment but one. Whoever still reads one keeps it until it is done."""
    for path in folder.glob("copy-*"):
        if path != keep:
            shutil.rmtree(path, ignore_errors=True)


class Reader:
    """The copy in use, opened once a process and again where another one has taken its place."""

    def __init__(self, folder: Path, database: str, stale_after: float) -> None:
        """database: its address. stale_after: seconds after which a copy that nobody verified is not answered from."""
        self.database = database
        self.stale_after = stale_after
        self._link = str(folder / CURRENT)
        self._folder = folder
        self._lock = threading.Lock()
        self._opened: Opened | None = None

    def begin(self) -> "View":
        """One state of the copy; `with` closes it. Raises NotReady."""
        opened = self._current()
        view = opened.view()
        age = time.monotonic() - view.meta.verified
        if age > self.stale_after or view.meta.database != self.database:
            view.close()
            raise NotReady(f"The copy, of {view.meta.database}, was last verified {age:.1f} s ago.")
        return view

    def damaged(self) -> None:
        """What was read last could not be: the copy is to be made anew."""
        if self._opened is not None:
            self._opened.environment.mark_damaged()

    def _current(self) -> "Opened":
        name, opened = self._name(), self._opened
        if opened is None or opened.name != name:
            with self._lock:
                # Whoever waited for the lock must not go back to what was in use before.
                name, opened = self._name(), self._opened
                if opened is None or opened.name != name:
                    # The old one closes when the last who reads it is done.
                    opened = self._opened = Opened(name, Environment(self._folder / name, write=False))
        return opened

    def _name(self) -> str:
        try:
            return os.readlink(self._link)  # noqa: PTH115 - half the cost, for each question
        except OSError:
            raise NotReady("There is no copy yet.") from None


class Opened:
    """An environment with what a process makes of it: its rules, compiled, and documents that were read."""

    def __init__(self, name: str, environment: Environment) -> None:
        self.name = name
        self.environment = environment
        self._lock = threading.Lock()
        self._meta: tuple[bytes, Meta] = b"", Meta("", -1, "", 0.0, 0, 0)
        self._memo: tuple[int, Memo] = -1, {}
        self.compiled: tuple[int, Rules | Exception] | None = None

    def view(self) -> "View":
        """Raises NotReady."""
        self.environment.check()
        try:
            txn = self.environment.lmdb.begin()
            try:
                raw = txn.get(META)
                known = self._meta
                if raw != known[0]:
                    self.environment.measure()
                    known = self._meta = bytes(raw or b""), Meta.load(raw)
                    clock.know(known[1].clock)
                return View(txn, known[1], self)
            except BaseException:
                txn.abort()
                raise
        except (lmdb.Error, ValueError, TypeError) as error:
            raise NotReady(f"The copy cannot be read: {error}.") from None

    def memo(self, revision: int) -> Memo:
        """Documents as they were read at a revision, for whoever keeps asking for the same ones."""
        known = self._memo
        if known[0] != revision or len(known[1]) > MEMO_LIMIT:
            known = self._memo = revision, {}
        return known[1]

    def rules(self, view: "View") -> Rules:
        """The rules of the view's state. Raises NotReady where others have overtaken it, and for broken ones."""
        wanted, known = view.meta.rules, self.compiled
        if known is None or known[0] != wanted:
            with self._lock:
                known = self.compiled
                if known is None or known[0] < wanted:
                    known = self.compiled = wanted, self._compiled(view, known)
        if known[0] != wanted:
            raise NotReady("A newer state is being answered from already.")
        if isinstance(known[1], Exception):
            raise NotReady(f"A rule cannot be read: {known[1]}")
        return known[1]

    def _compiled(self, view: "View", known: "tuple[int, Rules | Exception] | None") -> "Rules | Exception":
        """Rules that cannot be read are remembered too, or each question would try to."""
        try:
            if known is None or known[0] < view.meta.rules_floor or isinstance(known[1], Exception):
                return compile_rules(read_rules(view.txn))
            return known[1].replaced(_changed_rules(view.txn, known[0], view.meta.rules))
        except (ValueError, TypeError) as error:
            return error


def _changed_rules(txn: lmdb.Transaction, since: int, until: int) -> dict[int, Rule | None]:
    ids: set[int] = set()
    cursor = txn.cursor()
    if cursor.set_range(_log_key(since + 1)):
        for key, value in cursor:
            if bytes(key) > _log_key(until):
                break
            ids.update(orjson.loads(value))
    found = {rule: txn.get(b"r%d" % rule) for rule in ids}
    return {rule: read_rule(rule, None if raw is None else bytes(raw)) for rule, raw in found.items()}


class View:
    """One state of the copy, while it is read."""

    __slots__ = ("get", "meta", "opened", "txn")

    def __init__(self, txn: lmdb.Transaction, meta: Meta, opened: Opened) -> None:
        self.txn = txn
        self.get = txn.get
        self.meta = meta
        self.opened = opened

    def rules(self) -> Rules:
        known = self.opened.compiled
        if known is not None and known[0] == self.meta.rules and isinstance(known[1], Rules):
            return known[1]
        return self.opened.rules(self)

    def close(self) -> None:
        self.txn.abort()

    def __enter__(self) -> "View":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
