"""Each decision is in the log once, whoever dies on the way: the writer, the shipper, the database or the disk."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from authorization import spool
from authorization.cache.follower import connect
from authorization.models import ApiKey, Decision
from authorization.models import Spool as Shipped
from authorization.sealed import pseudonym, unseal
from authorization.services import create_key
from authorization.spool import COLUMNS, DatabaseLog, Log, Row, SpoolLog, ship
from tests import factories
from tests.authorization.served_copy import raw
from tests.authorization.test_follower import until, url
from tests.refusals import sql

pytestmark = pytest.mark.django_db
CARD = "04C0FFEE123456"
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
committed = pytest.mark.django_db(transaction=True)


def row(request_id: str, **changes: Any) -> Row:
    values = dict(
        zip(
            COLUMNS,
            (request_id, NOW, "key", None, "ISO14443", 7, "p", "", 3, "evse_id=X", True, "ALLOWED", None, 12, "cache"),
            strict=True,
        )
    )
    return tuple((values | changes).values())


def rows(number: int, name: str = "row") -> list[Row]:
    return [row(f"{name} {n}") for n in range(number)]


class Nowhere:
    """No test should come here but one that says so."""

    def write(self, rows: Sequence[Row]) -> None:
        raise AssertionError("the spool was to take this")


def log_in(folder: Path, otherwise: Log | None = None) -> SpoolLog:
    return SpoolLog(folder, otherwise or Nowhere())


def close(log: SpoolLog) -> None:
    """As the system does when the process ends."""
    os.close(log._file)
    log._file = -1


def logged() -> Counter[str]:
    return Counter(Decision.objects.values_list("request_id", flat=True))


def once(expected: Sequence[Row]) -> Counter[str]:
    return Counter(each[0] for each in expected)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*"))


def test_a_row_arrives_as_it_was_written(tmp_path: Path) -> None:
    text = 'a "quote", a tab\t, a line\nbreak, a return\r, a \\ and an é'
    wanted = row(
        "1", caller=text, api_key_id=5, rule_id=9, accepted=False, token_id=None, decided_at=NOW.replace(microsecond=3)
    )
    log_in(tmp_path).write([wanted])
    assert ship(tmp_path, raw()) == 1
    assert Decision.objects.values_list(*COLUMNS).get() == spool.kept(wanted)
    Decision.objects.all().delete()
    DatabaseLog().write([wanted])
    assert Decision.objects.values_list(*COLUMNS).get() == spool.kept(wanted)


def test_an_id_is_hashed_and_an_unknown_one_sealed_by_whoever_ships_it(tmp_path: Path) -> None:
    """The file may be read by nobody else, and the table holds neither."""
    log_in(tmp_path).write([row("1", token_pseudonym=CARD), row("2", token_pseudonym=CARD, presented_sealed="04:ab")])
    (file,) = files(tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
    ship(tmp_path, raw())
    known, unknown = Decision.objects.order_by("request_id")
    assert known.token_pseudonym == unknown.token_pseudonym == pseudonym(CARD) != pseudonym(CARD[:-1])
    assert (known.presented_sealed, unseal(unknown.presented_sealed)) == ("", "04:ab")
    assert CARD not in str(sql("SELECT d::text FROM authorization_decision d"))


def test_rows_are_shipped_once_while_more_are_written(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    assert ship(tmp_path, raw()) == 0
    log.write([])
    assert files(tmp_path) == []
    for number in range(5):
        log.write(rows(number, f"call {number}"))
        assert ship(tmp_path, raw()) == number
        assert ship(tmp_path, raw()) == 0
    assert logged() == once([each for number in range(5) for each in rows(number, f"call {number}")])


def test_a_file_goes_when_its_writer_is_gone_and_not_before(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    log.write(rows(3))
    (file,) = files(tmp_path)
    ship(tmp_path, raw())
    assert files(tmp_path) == [file]
    assert Shipped.objects.get().shipped == file.stat().st_size == spool.backlog(tmp_path)
    close(log)
    assert ship(tmp_path, raw()) == 0
    assert files(tmp_path) == []
    assert not Shipped.objects.exists()
    assert spool.backlog(tmp_path) == 0
    assert logged() == once(rows(3))


def test_a_full_file_is_followed_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "FILE_LIMIT", 2_000)
    log, sent = log_in(tmp_path), []
    for number in range(60):
        sent += (some := rows(1, f"call {number}"))
        log.write(some)
    assert len(files(tmp_path)) > 3
    assert all(file.stat().st_size < 2_500 for file in files(tmp_path))
    assert ship(tmp_path, raw()) == 60
    assert len(files(tmp_path)) == 1  # the one that is written to
    assert logged() == once(sent)


def test_what_does_not_fit_into_one_transaction_is_shipped_in_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "BATCH", 1_000)
    log_in(tmp_path).write(rows(100))
    assert ship(tmp_path, raw()) == 100
    assert logged() == once(rows(100))


@pytest.mark.parametrize(
    "tail", [b'["torn', b"[", b'["a",1]', b"\0" * 40, orjson.dumps(row("whole, but for its end"))], ids=range(5)
)
def test_a_torn_last_line_is_a_row_that_was_never_answered_for(tmp_path: Path, tail: bytes) -> None:
    log = log_in(tmp_path)
    log.write(rows(3))
    (file,) = files(tmp_path)
    with file.open("ab") as torn:
        torn.write(tail)
    assert ship(tmp_path, raw()) == 3  # it may be that the writer is not done with it
    assert ship(tmp_path, raw()) == 0
    assert files(tmp_path) == [file]
    close(log)
    assert ship(tmp_path, raw()) == 0
    assert files(tmp_path) == []
    assert logged() == once(rows(3))


POISON: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"not JSON",
    "null": b"null",
    "an object": b"{}",
    "no values": b"[]",
    "few values": b"[1,2,3]",
    "no UTF-8": b"\xff\xfe",
    "a zero inside": orjson.dumps(row("a zero \0 inside")),
    "much too long": orjson.dumps(row("much too long " * 20)),
    "no time": orjson.dumps(row("r", decided_at="x")),
    "no number": orjson.dumps(row("r", token_id="seven")),
    "no number of 64 bits": orjson.dumps(row("r", token_id=2**63)),
    "no reason": orjson.dumps(row("r", reason=None)),
    "an id that is no text": orjson.dumps(row("r", token_pseudonym=7)),
    "a list for a number": orjson.dumps(row("r", token_id=[1])),
    "an object for a text": orjson.dumps(row("r", caller={"a": 1})),
    "a text for a key": orjson.dumps(row("r", api_key_id="x")),
    "a number for a time": orjson.dumps(row("r", decided_at=5, api_key_id=5)),
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_a_row_that_the_log_cannot_take_holds_up_no_other(tmp_path: Path, poison: bytes) -> None:
    log = log_in(tmp_path)
    log.write(rows(5, "before"))
    (file,) = files(tmp_path)
    with file.open("ab") as other:
        other.write(poison + b"\n")
    log.write(rows(6, "after"))
    ship(tmp_path, raw())
    assert logged() == once(rows(5, "before") + rows(6, "after"))
    close(log)
    ship(tmp_path, raw())
    assert files(tmp_path) == []
    assert logged() == once(rows(5, "before") + rows(6, "after"))


def test_the_log_says_when_each_key_was_last_used(tmp_path: Path) -> None:
    used, busy, unused = (create_key(user=factories.admin())[0] for _ in range(3))
    ApiKey.objects.filter(pk=busy.pk).update(last_used_at=NOW)
    keys = [(used.pk, 0), (used.pk, 50), (used.pk, 20), (busy.pk, 59), (None, 90), (999_999_999, 90)]
    log = log_in(tmp_path)
    log.write([row(f"{n}", api_key_id=key, decided_at=NOW + timedelta(seconds=s)) for n, (key, s) in enumerate(keys)])
    assert ship(tmp_path, raw()) == len(keys)
    times = dict(ApiKey.objects.values_list("pk", "last_used_at"))
    assert times == {used.pk: NOW + timedelta(seconds=50), busy.pk: NOW, unused.pk: None}
    log.write([row("later", api_key_id=busy.pk, decided_at=NOW + timedelta(seconds=61))])
    log.write([row("earlier", api_key_id=used.pk, decided_at=NOW - timedelta(days=1))])
    ship(tmp_path, raw())
    times = dict(ApiKey.objects.values_list("pk", "last_used_at"))
    assert times == {used.pk: NOW + timedelta(seconds=50), busy.pk: NOW + timedelta(seconds=61), unused.pk: None}


def test_a_folder_that_cannot_be_written_to_sends_rows_to_the_database(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = log_in(tmp_path / "file", DatabaseLog())
    log.write(rows(2))
    assert logged() == once(rows(2))


# Several at once


@committed
def test_threads_of_a_process_share_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "FILE_LIMIT", 20_000)
    log = log_in(tmp_path)
    sent = [rows(3, f"thread {n} call {m}") for n in range(4) for m in range(50)]

    def write(number: int) -> None:
        for each in sent[number * 50 : number * 50 + 50]:
            log.write(each)

    threads = [threading.Thread(target=write, args=[n]) for n in range(4)]
    with closing(connect(url())) as other:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            ship(tmp_path, other)
        ship(tmp_path, other)
    assert logged() == once([each for some in sent for each in some])


@committed
def test_two_shippers_at_once_ship_each_row_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "BATCH", 2_000)
    monkeypatch.setattr(spool, "FILE_LIMIT", 5_000)
    log, sent, errors = log_in(tmp_path), [], []
    stopped = threading.Event()

    def shipping() -> None:
        with closing(connect(url())) as other:
            while True:
                last = stopped.is_set()
                try:
                    ship(tmp_path, other)
                except BaseException as error:
                    errors.append(error)
                if last:
                    return

    threads = [threading.Thread(target=shipping) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(150):
        sent += (some := rows(3, f"call {number}"))
        log.write(some)
        time.sleep(0.001)
    close(log)
    stopped.set()
    for thread in threads:
        thread.join()
    assert not errors
    assert logged() == once(sent)
    assert files(tmp_path) == []
    assert not Shipped.objects.exists()


@committed
def test_who_opened_a_file_that_another_one_shipped_and_removed_ships_nothing(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    log.write(rows(5))
    (path,) = files(tmp_path)
    close(log)
    with closing(connect(url())) as one, closing(connect(url())) as two, path.open("rb") as opened:
        assert ship(tmp_path, one) == 5
        assert files(tmp_path) == []
        assert spool._ship_some(path.stem, opened, two) is None
    assert logged() == once(rows(5))
    assert not Shipped.objects.exists()


@committed
def test_a_shipper_that_dies_between_the_rows_and_the_commit_has_shipped_nothing(tmp_path: Path) -> None:
    key = create_key(user=factories.admin())[0]
    log = log_in(tmp_path)
    log.write([row(f"{n}", api_key_id=key.pk) for n in range(5)])
    failed: list[BaseException] = []

    def shipping(other: psycopg.Connection[Any]) -> None:
        try:
            ship(tmp_path, other)
        except psycopg.Error as error:
            failed.append(error)

    with psycopg.connect(url()) as holder, closing(connect(url())) as other:
        # The rows are copied; noting the key's use waits.
        holder.execute("SELECT 1 FROM authorization_apikey FOR UPDATE")
        thread = threading.Thread(target=shipping, args=[other])
        thread.start()
        until(
            lambda: sql(
                "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock' AND query LIKE %s",
                other.info.backend_pid,
                "%authorization_apikey%",
            )
        )
        sql("SELECT pg_terminate_backend(%s)", other.info.backend_pid)
        thread.join()
    assert failed
    assert not Decision.objects.exists()
    with closing(connect(url())) as other:
        assert ship(tmp_path, other) == 5
        assert ship(tmp_path, other) == 0
    assert logged() == Counter(f"{n}" for n in range(5))


# Processes


WRITER = """
import sys, resource
from datetime import UTC, datetime
from pathlib import Path
import django
django.setup()
from authorization.spool import DatabaseLog, SpoolLog

rest = (datetime.now(UTC), "key", None, "ISO14443", 7, "p", "", 3, "evse_id=X", True, "ALLOWED", None, 12, "cache")
log = SpoolLog(Path(sys.argv[1]), DatabaseLog())
name, many, limit = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
print("ready", flush=True)
for number in range(many):
    log.write([(f"{name} {number} {n}", *rest) for n in range(3)])
    print(f"{number:40}", flush=True)
"""


def writing(folder: Path, name: str, *, many: int, limit: int = 0) -> subprocess.Popen[str]:
    environment = os.environ | {"DATABASE_URL": url(), "DJANGO_SETTINGS_MODULE": "portal.settings"}
    arguments = [sys.executable, "-c", WRITER, str(folder), name, str(many), str(limit)]
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True)


def answered(child: subprocess.Popen[str]) -> int:
    """How many calls it said were done, by the end of what it said."""
    assert child.stdout is not None
    return sum(line.strip().isdigit() and line.endswith("\n") for line in child.stdout)


@committed
def test_rows_answered_for_survive_a_writer_that_is_killed_at_any_moment(tmp_path: Path) -> None:
    children = {f"writer {n}": writing(tmp_path, f"writer {n}", many=1_000_000) for n in range(2)}
    for child in children.values():
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children.values():
        time.sleep(random.uniform(0.01, 0.05))
        child.send_signal(signal.SIGKILL)
    calls = {name: answered(child) for name, child in children.items()}
    with closing(connect(url())) as other:
        ship(tmp_path, other)
    found = logged()
    assert set(found.values()) == {1}
    for name, done in calls.items():
        assert done > 0
        certain = {f"{name} {number} {n}" for number in range(done) for n in range(3)}
        perhaps = {f"{name} {done} {n}" for n in range(3)}
        of_this = {each for each in found if each.startswith(name)}
        assert certain <= of_this <= certain | perhaps
    assert files(tmp_path) == []


@committed
def test_what_a_full_disk_does_not_take_goes_to_the_database_and_nothing_twice(tmp_path: Path) -> None:
    child = writing(tmp_path, "writer", many=200, limit=30_000)
    done = answered(child)
    assert (child.wait(), done) == (0, 200)
    expected = Counter(f"writer {number} {n}" for number in range(200) for n in range(3))
    straight = logged()
    assert 0 < len(straight) < len(expected)
    contents = [file.read_bytes() for file in files(tmp_path)]
    assert max(map(len, contents)) <= 30_000
    assert not all(content.endswith(b"]\n") for content in contents)  # a half row, which is nobody's answer
    with closing(connect(url())) as other:
        ship(tmp_path, other)
    assert logged() == expected
