"""A copy in doubt is never answered from: the database answers instead, and nothing is ever "no rules"."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lmdb
import orjson
import pytest
from django.conf import settings

from authorization.cache import documents, snapshot
from authorization.cache.snapshot import META, Meta, NotReady, Reader, Writer, boot_id
from authorization.cache.store import CacheStore
from authorization.models import ChargeException
from authorization.questions import parse
from authorization.services import Answer, Caller, authorize, create_key
from authorization.store import DatabaseStore
from tests import factories
from tests.authorization.served_copy import SharedReader, answering, documents_of, end_change, raw, served_copy
from tests.refusals import sql

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
ADDRESS = settings.DATABASE_ADDRESS
PAGE = os.sysconf("SC_PAGE_SIZE")


class Site:
    """A place, a card that a blacklist keeps from it, and one whose customer is on the list of another place."""

    def __init__(self) -> None:
        self.cpo = factories.cpo(parent=factories.cpo())
        self.evse = factories.evse(place := factories.location(self.cpo), station=factories.station(place))
        driver = factories.driver()
        self.card = factories.token(driver=driver, uid="04A1", auth_id="NL-EMA-C00000001")
        self.private = factories.location(self.cpo)
        factories.listed(self.private, customer=driver.customer)
        cards = factories.group("token", self.card)
        self.rule = factories.exception("blacklist", "emsp_for_cpo", [factories.group("cpo", self.cpo)], [cards])
        self.user = factories.admin()
        self.key = create_key(user=self.user)[1]
        self.caller = Caller(0, "admin", user=self.user)
        end_change()

    def meta(self, **changes: Any) -> Meta:
        (revision, stamp), *_ = sql("SELECT value, stamp::text FROM authorization_revision")
        return replace(Meta(ADDRESS, revision, stamp, time.monotonic(), revision, revision), **changes)

    def make(self, folder: Path, meta: Any = None) -> Path:
        """A copy of everything, in use."""
        path = snapshot.make(folder, documents.everything(raw()), meta or self.meta())
        snapshot.use(folder, path)
        return path

    def sources(self, reader: Reader) -> set[str]:
        """Where answers come from; they are right wherever that is."""
        found = set()
        bodies = [
            ({"evse_id": self.evse.evse_id, "id_token": "04A1"}, "BLACKLISTED"),
            ({"station": self.evse.station.identity, "id_token": "04A1"}, "BLACKLISTED"),
            ({"location_id": self.private.location_id, "id_token": "04A2"}, "UNKNOWN_TOKEN"),
            (
                {"evse_id": self.evse.evse_id, "id_token": "NL-EMA-C00000001", "token_type": "e_maid"},
                "BLACKLISTED",
            ),
        ]
        store = CacheStore(reader, DatabaseStore())
        with answering(store):
            for body, reason in bodies:
                (answer,) = authorize([parse(body)], self.caller, NOW)
                assert isinstance(answer, Answer)
                assert answer.verdict.reason == reason, (body, answer.source)
                found.add(answer.source)
        caller = store.caller(self.key, NOW)
        assert caller is not None
        assert caller.user == self.user
        return found


@pytest.fixture
def site(db: None) -> Site:
    return Site()


def reader_of(folder: Path) -> Reader:
    return Reader(folder, ADDRESS, stale_after=60.0)


def test_a_whole_copy_is_answered_from(site: Site, tmp_path: Path) -> None:
    site.make(tmp_path)
    assert site.sources(reader_of(tmp_path)) == {"cache"}


def test_without_a_copy_the_database_answers(site: Site, tmp_path: Path) -> None:
    assert site.sources(reader_of(tmp_path / "nowhere")) == {"database"}
    assert site.sources(reader_of(tmp_path)) == {"database"}
    (tmp_path / "current").symlink_to("copy-that-is-gone")
    assert site.sources(reader_of(tmp_path)) == {"database"}
    (tmp_path / "copy-that-is-gone").mkdir()
    assert site.sources(reader_of(tmp_path)) == {"database"}
    (tmp_path / "current").unlink()
    (tmp_path / "current").mkdir()
    assert site.sources(reader_of(tmp_path)) == {"database"}


class Raw:
    """A meta that says whatever it was told to."""

    def __init__(self, raw: bytes) -> None:
        self.dump = lambda: raw


def said(**changes: Any) -> Callable[[Meta], bytes]:
    names = ["format", "boot", "database", "revision", "stamp", "verified", "rules", "rules_floor", "clock"]

    def dump(meta: Meta) -> bytes:
        return orjson.dumps(
            [changes.get(name, value) for name, value in zip(names, orjson.loads(meta.dump()), strict=True)]
        )

    return dump


@pytest.mark.parametrize(
    "meta",
    [
        said(format="another release"),
        said(format=None),
        said(boot="00000000-0000-0000-0000-000000000000"),
        said(boot=""),
        said(database="other.example:5432/chargeward"),
        said(verified=0.0),
        said(verified=None),
        said(verified="now"),
        said(clock="now"),
        said(clock=True),
        *(lambda _, raw=raw: raw for raw in (b"", b"null", b"[]", b"[1]", b"{}", b"7", b"\xff\x00", b'["')),  # type: ignore[misc]
    ],
)
def test_a_copy_that_says_the_wrong_thing_of_itself_is_not_answered_from(
    site: Site, tmp_path: Path, meta: Callable[[Meta], bytes]
) -> None:
    site.make(tmp_path, Raw(meta(site.meta())))
    assert site.sources(reader_of(tmp_path)) == {"database"}


def test_a_copy_without_a_meta_is_not_finished(site: Site, tmp_path: Path) -> None:
    path = site.make(tmp_path)
    with closing(lmdb.open(str(path))) as environment, environment.begin(write=True) as txn:
        txn.delete(META)
    assert site.sources(reader_of(tmp_path)) == {"database"}


def test_a_copy_that_nobody_verifies_is_too_old_after_a_moment(site: Site, tmp_path: Path) -> None:
    site.make(tmp_path)
    reader = reader_of(tmp_path)
    assert site.sources(reader) == {"cache"}
    reader.stale_after = 0.01
    time.sleep(0.011)
    assert site.sources(reader) == {"database"}


# The file on disk


def cut(path: Path, size: int) -> None:
    os.truncate(path / "data.mdb", size)


SIZES = {"zero": 0, "a byte": 1, "a page": PAGE, "two pages": 2 * PAGE, "half": -2, "all but a page": -1}


def size_of(path: Path, name: str) -> int:
    pages = (path / "data.mdb").stat().st_size // PAGE
    return {-1: (pages - 1) * PAGE, -2: pages // 2 * PAGE}.get(SIZES[name], SIZES[name])


@pytest.mark.parametrize("size", SIZES)
def test_a_file_cut_short_is_not_opened(site: Site, tmp_path: Path, size: str) -> None:
    path = site.make(tmp_path)
    cut(path, size_of(path, size))
    assert site.sources(reader_of(tmp_path)) == {"database"}
    with pytest.raises(NotReady):
        Writer(path)


@pytest.mark.parametrize("size", SIZES)
def test_a_file_cut_short_while_it_is_open_is_not_looked_at(site: Site, tmp_path: Path, size: str) -> None:
    path = site.make(tmp_path)
    reader = reader_of(tmp_path)
    assert site.sources(reader) == {"cache"}
    cut(path, size_of(path, size))
    assert site.sources(reader) == {"database"}
    # A copy made anew is taken without a hand.
    site.make(tmp_path)
    assert site.sources(reader) == {"cache"}


def test_a_deleted_copy_is_read_on_by_who_has_it_open_and_by_nobody_else(site: Site, tmp_path: Path) -> None:
    path = site.make(tmp_path)
    reader = reader_of(tmp_path)
    assert site.sources(reader) == {"cache"}
    shutil.rmtree(path)
    assert site.sources(reader) == {"cache"}  # until it is too old, for nobody verifies it any more
    assert site.sources(reader_of(tmp_path)) == {"database"}
    (tmp_path / "current").unlink()
    assert site.sources(reader) == {"database"}


def test_a_writer_does_not_go_on_with_a_deleted_copy(site: Site, tmp_path: Path) -> None:
    path = site.make(tmp_path)
    writer = Writer(path)
    writer.check()
    shutil.rmtree(path)
    with pytest.raises(NotReady):
        writer.check()


def test_a_page_of_zeros_is_doubt_wherever_it_lies(site: Site, tmp_path: Path) -> None:
    path = site.make(tmp_path)
    pages = (path / "data.mdb").stat().st_size // PAGE
    assert pages >= 4
    for page in range(pages):
        folder = tmp_path / f"hole {page}"
        shutil.copytree(path, folder / "copy-1")
        with (folder / "copy-1" / "data.mdb").open("r+b") as file:
            file.seek(page * PAGE)
            file.write(b"\0" * PAGE)
        snapshot.use(folder, folder / "copy-1")
        assert site.sources(reader_of(folder)) <= {"cache", "database"}  # and right, as sources() sees to


# Documents


def test_a_document_that_must_be_there_and_is_not_is_doubt(site: Site, tmp_path: Path) -> None:
    needed = [
        f"c{site.cpo.pk}", f"p{site.evse.location_id}", f"s{site.evse.station_id}",
        f"m{site.card.emsp_id}", f"n{site.card.customer_id}", f"d{site.card.driver_id}", f"u{site.user.pk}",
    ]  # fmt: skip
    with served_copy(tmp_path) as copy:
        whole = copy.documents()
        for key in needed:
            copy.writer.apply([(key.encode(), None)], copy.writer.meta)
            copy.reader = SharedReader(copy.writer)  # one that remembers nothing
            assert "database" in site.sources(copy.reader), key
            copy.writer.apply([(key.encode(), whole[key.encode()])], copy.writer.meta)
        copy.reader = SharedReader(copy.writer)
        assert site.sources(copy.reader) == {"cache"}


@pytest.mark.parametrize("garbage", [b"", b"null", b"7", b'"x"', b"[", b"\xff\x00\x80"])
def test_an_unreadable_document_of_any_kind_is_doubt(site: Site, tmp_path: Path, garbage: bytes) -> None:
    with served_copy(tmp_path) as copy:
        whole = copy.documents()
        kinds: dict[bytes, list[bytes]] = {}
        for key in whole:
            kinds.setdefault(key[:1], []).append(key)
        assert set(kinds) == {kind.prefix.encode() for kind in documents.KINDS.values()}
        for kind, keys in kinds.items():
            if kind == b"x":
                continue  # there is nothing in them to read
            copy.writer.apply([(key, garbage) for key in keys], copy.writer.meta)
            copy.reader = SharedReader(copy.writer)  # one that remembers nothing
            site.sources(copy.reader)
            copy.writer.apply([(key, whole[key]) for key in keys], copy.writer.meta)
        copy.reader = SharedReader(copy.writer)
        assert site.sources(copy.reader) == {"cache"}


def test_a_rule_that_cannot_be_read_is_never_left_out(site: Site, tmp_path: Path) -> None:
    with served_copy(tmp_path) as copy:
        assert site.sources(copy.reader) == {"cache"}
        key = b"r%d" % site.rule.pk
        good = orjson.loads(copy.documents()[key])
        for position, wrong in [(1, None), (2, "grey"), (3, "both"), (4, "infinity"), (6, None), (6, []), (7, ["a"])]:
            broken = [*good[:position], wrong, *good[position + 1 :]]
            revision = copy.writer.meta.revision + 1
            copy.writer.apply([(key, orjson.dumps(broken))], replace(copy.writer.meta, revision=revision))
            assert site.sources(copy.reader) == {"database"}, broken  # by who has the rules of before
            assert site.sources(SharedReader(copy.writer)) == {"database"}, broken
        copy.writer.apply([(key, orjson.dumps(good))], replace(copy.writer.meta, revision=revision + 1))
        assert site.sources(copy.reader) == {"cache"}


# Rules, revision by revision


def test_readers_catch_up_on_rules_by_the_log_and_where_that_was_cut_by_all_of_them(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "RULE_LOG", 4)
    with served_copy(tmp_path) as copy:
        behind = SharedReader(copy.writer)
        assert site.sources(behind) == {"cache"}
        follows = SharedReader(copy.writer)
        longest = 0
        for number in range(30):
            ChargeException.objects.filter(pk=site.rule.pk).update(action="whitelist" if number % 2 else "blacklist")
            factories.exception(
                "blacklist", "emsp_for_cpo", [factories.group("cpo", site.cpo)], [factories.group("token", site.card)]
            )
            assert copy.catch_up()
            assert site.sources(follows) == {"cache"}
            with copy.writer.environment.lmdb.begin() as txn:
                longest = max(longest, sum(bytes(key[:1]) == b"R" for key, _ in txn.cursor()))
            assert longest < 2 * 4 + 1
            if number == 20:
                assert site.sources(behind) == {"cache"}
        assert longest == 7
        for reader in (follows, behind, SharedReader(copy.writer)):
            assert site.sources(reader) == {"cache"}
            with closing(reader.begin()) as view:
                assert len(view.rules()) == ChargeException.objects.count()


def test_who_holds_an_older_state_does_not_get_the_rules_of_a_newer_one(site: Site, tmp_path: Path) -> None:
    with served_copy(tmp_path) as copy:
        with closing(copy.reader.begin()) as older:
            ChargeException.objects.filter(pk=site.rule.pk).update(enabled=False)
            copy.catch_up()
            with closing(copy.reader.begin()) as newer:
                assert not newer.rules()[site.rule.pk].enabled
            with pytest.raises(NotReady):
                older.rules()
        with closing(copy.reader.begin()) as older:
            assert not older.rules()[site.rule.pk].enabled


# Swapped while it is read


def numbered(folder: Path, number: int) -> Path:
    """A copy whose every document says its revision."""
    rows = [(b"k%04d" % n, b"%d" % number) for n in range(50)]
    return snapshot.make(folder, rows, Meta(ADDRESS, number, str(number), time.monotonic(), number, number))


def test_readers_in_threads_see_whole_copies_in_their_order_while_others_take_their_place(tmp_path: Path) -> None:
    snapshot.use(tmp_path, numbered(tmp_path, 1))
    reader, stopped = reader_of(tmp_path), threading.Event()
    seen: list[list[int]] = []
    wrong: list[BaseException] = []

    def read() -> None:
        mine: list[int] = []
        seen.append(mine)
        try:
            while not stopped.is_set():
                try:
                    view = reader.begin()
                except NotReady:
                    continue
                with closing(view):
                    assert {int(view.get(b"k%04d" % n)) for n in range(50)} == {view.meta.revision}
                    mine.append(view.meta.revision)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(2, 40):
        path = numbered(tmp_path, number)
        snapshot.use(tmp_path, path)
        snapshot.tidy(tmp_path, path)
        time.sleep(0.005)
    stopped.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert all(mine == sorted(mine) for mine in seen)
    assert len({number for mine in seen for number in mine}) > 10
    with closing(reader.begin()) as view:
        assert view.meta.revision == 39


def test_who_was_late_to_open_a_copy_does_not_take_everybody_back_to_it(tmp_path: Path) -> None:
    """A thread that saw the older link, and then waited while another one opened the newer copy."""
    snapshot.use(tmp_path, numbered(tmp_path, 1))
    reader = reader_of(tmp_path)
    late = threading.Lock()

    class Meanwhile:
        def __enter__(self) -> None:
            reader._lock = late
            snapshot.use(tmp_path, numbered(tmp_path, 2))
            reader.begin().close()
            late.acquire()

        def __exit__(self, *_: object) -> None:
            late.release()

    reader._lock = Meanwhile()  # type: ignore[assignment]
    with closing(reader.begin()) as view:
        assert view.meta.revision == 2


def test_environments_in_use_no_more_are_closed(tmp_path: Path) -> None:
    reader = reader_of(tmp_path)
    for number in range(1, 6):
        path = numbered(tmp_path, number)
        snapshot.use(tmp_path, path)
        snapshot.tidy(tmp_path, path)
        reader.begin().close()
    mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
    assert {name for name in mapped if name.startswith(f"{tmp_path}/")} <= {f"{path}/data.mdb", f"{path}/lock.mdb"}


# Processes that die


CHILD = """
import sys, time
from pathlib import Path
from authorization.cache import snapshot
from authorization.cache.snapshot import Meta, Writer

def paused(rows, after):
    for number, row in enumerate(rows):
        if number == after:
            print("now", flush=True)
            time.sleep(60)
        yield row

folder, what = Path(sys.argv[1]), sys.argv[2]
if what == "apply":
    writer = Writer((folder / "current").resolve())
    meta = Meta(writer.meta.database, 99, "99", time.monotonic(), 99, 0)
    writer.apply(paused([(b"k%04d" % n, b"99") for n in range(20_000)], 15_000), meta)
else:
    rows = ((b"k%06d" % n, b"98") for n in range(300_000))
    snapshot.make(folder, paused(rows, 250_000), Meta("", 98, "98", 0.0, 98, 98))
"""


@pytest.mark.parametrize("what", ["apply", "make"])
def test_a_process_killed_half_way_leaves_the_older_copy_whole(tmp_path: Path, what: str) -> None:
    snapshot.use(tmp_path, numbered(tmp_path, 1))
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path), what], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"now\n"
    before = set(tmp_path.glob("copy-*"))
    assert len(before) == (2 if what == "make" else 1)
    with closing(reader_of(tmp_path).begin()) as view:  # while it works, too
        assert (view.meta.revision, bytes(view.get(b"k0000"))) == (1, b"1")
    del view
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    writer = Writer((tmp_path / "current").resolve())  # takes over the lock that the dead one held
    assert writer.meta.revision == 1
    assert set(documents_of(writer).values()) == {b"1"}
    writer.apply([(b"k0000", b"2")], replace(writer.meta, revision=2))
    with closing(SharedReader(writer).begin()) as view:
        assert (view.meta.revision, bytes(view.get(b"k0000"))) == (2, b"2")
    for path in before - {writer.environment.path}:
        with pytest.raises(NotReady):
            Writer(path)
    snapshot.tidy(tmp_path, writer.environment.path)
    assert list(tmp_path.glob("copy-*")) == [writer.environment.path]


def test_documents_out_of_order_or_twice_are_no_copy(tmp_path: Path) -> None:
    meta = Meta(ADDRESS, 1, "1", 0.0, 1, 1)
    for rows in ([(b"b", b"1"), (b"a", b"1")], [(b"a", b"1"), (b"a", b"1")]):
        with pytest.raises(RuntimeError):
            snapshot.make(tmp_path, rows, meta)


def test_the_boot_is_known() -> None:
    assert boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip() != ""
