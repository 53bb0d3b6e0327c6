"""What the follower keeps is what the database holds, or it makes the copy anew; one of them lives on a node."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from copy import copy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from prometheus_client import REGISTRY

from authorization import selectors
from authorization.cache import documents, follower, guard, snapshot
from authorization.cache.follower import Follower
from authorization.cache.snapshot import Meta, NotReady, Reader
from authorization.models import Change, Node, Revision
from portal.folders import address_of, folder_for
from tests import factories
from tests.authorization.served_copy import SharedReader, compiled, documents_of
from tests.refusals import sql
from tokens.models import EMSP, Token

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = settings.DATABASE_ADDRESS
MANAGE = Path(settings.BASE_DIR) / "manage.py"
PATIENCE = 60.0


def url() -> str:
    """Of the tests' own database."""
    found = connection.settings_dict
    return f"postgres://{found['USER']}:{found['PASSWORD']}@{found['HOST']}:{found['PORT']}/{found['NAME']}"


def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


class Following:
    """A follower that looks when it is told to."""

    def __init__(self, folder: Path) -> None:
        self.follower = Follower(folder, url(), ADDRESS)
        self.follower._take_over()
        self.connection = follower.connect(url())

    def look(self) -> None:
        """Once, and where a copy was made anew for it again."""
        self.follower.look(self.connection)
        if self.follower._making is not None:
            self.follower._making.join()
            self.follower._making = None
            self.follower.look(self.connection)

    @property
    def path(self) -> Path:
        assert self.follower.writer is not None
        return self.follower.writer.environment.path

    @property
    def meta(self) -> Meta:
        assert self.follower.writer is not None
        return self.follower.writer.meta

    def is_right(self) -> bool:
        assert self.follower.writer is not None
        return (
            documents_of(self.follower.writer) == compiled()
            and self.meta.revision == Revision.objects.get().value
            and (self.follower.folder / "current").resolve() == self.path
        )


@pytest.fixture
def following(tmp_path: Path) -> Iterator[Following]:
    factories.evse()
    factories.token(uid="04A1")
    each = Following(tmp_path / "cache")
    each.look()
    assert each.is_right()
    with closing(each.connection):
        yield each


def test_what_changed_is_put_into_the_copy_in_use(following: Following) -> None:
    path, before = following.path, following.meta
    Token.objects.update(valid=False)
    following.look()
    assert following.is_right()
    assert following.path == path
    assert following.meta.verified > before.verified
    after = following.meta
    following.look()  # nothing changed, and that is known now
    assert following.meta == replace(after, verified=following.meta.verified, clock=following.meta.clock)
    assert following.meta.verified > after.verified


def test_two_at_once_write_nothing_older(following: Following, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody deletes the lock, the next one begins before the one at work has noticed."""
    late = Follower(following.follower.folder, url(), ADDRESS)
    late.writer = copy(following.follower.writer)  # LMDB opens an environment once in a process
    read = documents.changed

    def overtaken(*arguments: Any) -> list[Any]:
        """What the late one has read is old when it comes to write it."""
        found = list(read(*arguments))
        monkeypatch.setattr(documents, "changed", read)
        Token.objects.update(valid=True)
        following.look()
        return found

    Token.objects.update(valid=False)
    monkeypatch.setattr(documents, "changed", overtaken)
    with closing(follower.connect(url())) as connection:
        late.look(connection)
        assert following.is_right()
        following.look()
        assert following.is_right()
        Token.objects.update(valid=False)
        late.look(connection)
    assert following.is_right() is False, "it does not know yet what the other one wrote"
    following.look()
    following.look()
    assert following.is_right()


def restored() -> None:
    """The revision is the same, but came about otherwise."""
    sql("UPDATE authorization_revision SET stamp = gen_random_uuid()")
    sql("UPDATE authorization_change c SET stamp = r.stamp FROM authorization_revision r WHERE c.revision = r.value")


def restored_and_gone_on() -> None:
    restored()
    Token.objects.update(valid=False)


def gone_back() -> None:
    last = Change.objects.order_by("-revision")[1]
    Change.objects.filter(revision__gt=last.revision).delete()
    Revision.objects.update(value=last.revision, stamp=last.stamp)


def pruned() -> None:
    Token.objects.update(valid=False)
    sql("DELETE FROM authorization_change WHERE revision < (SELECT value FROM authorization_revision)")


def emptied() -> None:
    sql("TRUNCATE tokens_token CASCADE")


def much_at_once() -> None:
    sql(
        "INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active,"
        " date_joined) SELECT '', false, 'user' || n, '', '', '', false, true, now() FROM generate_series(1, 20001) n"
    )


@pytest.mark.parametrize("event", [restored, restored_and_gone_on, gone_back, pruned, emptied, much_at_once])
def test_where_not_every_change_is_known_the_copy_is_made_anew(following: Following, event: Callable[[], None]) -> None:
    Token.objects.update(expires_at=None)
    following.look()
    path = following.path
    event()
    following.look()
    assert following.path != path
    assert following.is_right()
    assert list(following.follower.folder.glob("copy-*")) == [following.path]
    EMSP.objects.update(blocked=True)
    made = following.path
    following.look()
    assert following.is_right()
    assert following.path == made


def test_twenty_thousand_keys_are_read_one_by_one(following: Following) -> None:
    path = following.path
    much_at_once()
    User.objects.filter(username="user20001").delete()
    following.look()
    path = following.path
    sql("UPDATE auth_user SET is_active = false")
    following.look()
    assert following.path == path
    assert following.is_right()


def damage_length(path: Path) -> None:
    os.truncate(path / "data.mdb", (path / "data.mdb").stat().st_size // 2)


def damage_everything(path: Path) -> None:
    """Zeros, but for the two pages that say where the rest lies."""
    data = path / "data.mdb"
    page = os.sysconf("SC_PAGE_SIZE")
    with data.open("r+b") as file:
        file.seek(2 * page)
        file.write(b"\0" * (data.stat().st_size - 2 * page))


def damage_name(path: Path) -> None:
    (path / "data.mdb").unlink()


@pytest.mark.parametrize("damage", [damage_length, damage_everything, damage_name])
@pytest.mark.parametrize("new", [False, True])
def test_a_damaged_copy_is_made_anew_without_a_hand(
    following: Following, damage: Callable[[Path], None], new: bool
) -> None:
    path, each = following.path, following
    if new:  # a follower that finds it as it starts
        following.follower.writer = None
        damage(path)
        each = Following(following.follower.folder)
    else:
        damage(path)
    Token.objects.update(valid=False)
    each.look()
    each.look()
    assert each.path != path
    assert each.is_right()
    each.connection.close()


def test_a_copy_made_meanwhile_never_takes_the_place_of_a_newer_one(following: Following) -> None:
    """It is brought up to date first; where that cannot be done it is thrown away."""
    each = following.follower
    made = follower.make(each.folder, url(), ADDRESS)
    Token.objects.update(valid=False)
    following.look()
    newer = following.meta.revision
    each._made = made
    following.look()
    assert following.path == made
    assert following.meta.revision == newer
    assert following.is_right()

    late = follower.make(each.folder, url(), ADDRESS)
    emptied()
    following.look()
    current = following.path
    each._made = late
    each.look(following.connection)
    assert following.path == current
    assert following.is_right()


def test_who_follows_another_database_does_not_answer_from_this_copy(following: Following) -> None:
    assert following.follower.writer is not None
    reader = SharedReader(following.follower.writer)
    reader.begin().close()
    reader.database = "other:5432/chargeward"
    with pytest.raises(NotReady):
        reader.begin()


def test_a_making_that_dies_leaves_nothing_behind(following: Following) -> None:
    def rows() -> Iterator[documents.Document]:
        yield b"a", b"1"
        raise OSError("gone")

    before = set(following.follower.folder.iterdir())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "everything", lambda *_: rows())
        with pytest.raises(OSError, match="gone"):
            follower.make(following.follower.folder, url(), ADDRESS)
    assert set(following.follower.folder.iterdir()) == before


def test_one_at_a_time_has_the_lock_of_a_folder(tmp_path: Path) -> None:
    lock = guard.try_lock(tmp_path)
    assert lock is not None
    assert guard.try_lock(tmp_path) is None
    assert guard.still_ours(lock, tmp_path)
    (tmp_path / guard.LOCK).unlink()
    assert not guard.still_ours(lock, tmp_path)
    os.close(lock)
    other = guard.try_lock(tmp_path)
    assert other is not None
    os.close(other)


# As processes


@contextmanager
def followers(data_dir: Path, number: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    environment = os.environ | {"DATABASE_URL": url(), "DATA_DIR": str(data_dir), "REDIS_URL": ""}
    children = [subprocess.Popen([sys.executable, str(MANAGE), "follow"], env=environment) for _ in range(number)]
    try:
        yield children
    finally:
        for child in children:
            child.kill()
            child.wait()


def test_followers_that_are_killed_are_followed_by_others_and_the_copy_is_right_in_the_end(tmp_path: Path) -> None:
    factories.evse()
    emsp = factories.emsp()
    folder = folder_for(tmp_path / "cache", url())
    stopped = threading.Event()

    def write() -> None:
        number = 0
        with psycopg.connect(url(), autocommit=True) as each:
            while not stopped.is_set():
                number += 1
                each.execute(
                    "INSERT INTO tokens_token (emsp_id, type, uid, visual_number, issuer, valid, whitelist, language,"
                    " external) SELECT %s, 'RFID', to_hex(%s * 100 + n), '', '', true, 'ALLOWED', '', false"
                    " FROM generate_series(1, 50) n",
                    [emsp.pk, number],
                )
                each.execute("UPDATE tokens_token SET valid = NOT valid WHERE id %% 3 = %s", [number % 3])

    writing = threading.Thread(target=write)
    with followers(tmp_path, 3) as children:
        reader = Reader(folder, address_of(url()), 2.0)
        until(lambda: _revision(reader) is not None)
        writing.start()
        seen = []
        for _ in children[:-1]:
            # One of them follows; the others wait for its lock.
            alive = [child for child in children if child.poll() is None]
            busy = [child for child in alive if _holds(child, folder)]
            assert len(busy) == 1
            time.sleep(0.11 * len(alive))
            busy[0].send_signal(signal.SIGKILL)
            busy[0].wait()
            before = Revision.objects.get().value
            until(lambda at=before: (_revision(reader) or 0) > at)  # type: ignore[misc]
            seen.append(_revision(reader) or 0)
        stopped.set()
        writing.join()
        until(lambda: _revision(reader) == Revision.objects.get().value)
        assert seen == sorted(seen)
        with closing(reader.begin()) as view:
            held = {
                bytes(key): bytes(value)
                for key, value in view.txn.cursor()
                if bytes(key) != snapshot.META and bytes(key[:1]) != snapshot.RULES
            }
        assert held == compiled()
        assert len(list(folder.glob("copy-*"))) == 1


def test_who_loses_the_lock_stands_by_for_who_has_it_now(tmp_path: Path) -> None:
    """Who deletes a node's folder gives the lock to whoever looks first, which may be about to end."""
    factories.evse()
    folder = folder_for(tmp_path / "cache", url())
    with followers(tmp_path, 1) as (child,):
        reader = Reader(folder, address_of(url()), 2.0)
        until(lambda: _revision(reader) is not None)
        (folder / guard.LOCK).unlink()
        lock = guard.try_lock(folder)
        assert lock is not None
        until(lambda: guard.is_locked(folder, guard.STANDBY))
        assert not _holds(child, folder)
        os.close(lock)
        factories.token()
        until(lambda: _revision(reader) == Revision.objects.get().value)
        assert child.poll() is None


def _revision(reader: Reader) -> int | None:
    try:
        with closing(reader.begin()) as view:
            return view.meta.revision
    except NotReady:
        return None


def _holds(child: subprocess.Popen[bytes], folder: Path) -> bool:
    """Whether the process has the copy's file open: those who wait for the lock have not."""
    names = []
    for file in Path(f"/proc/{child.pid}/fd").iterdir():
        try:
            names.append(str(file.readlink()))
        except OSError:
            continue
    return any(name.startswith(str(folder)) and name.endswith("data.mdb") for name in names)


def test_a_node_tells_which_revision_it_has(following: Following, tmp_path: Path) -> None:
    token = factories.token()
    following.look()
    node = Node.objects.get()
    assert node.name.endswith(str(tmp_path / "cache")[-100:])
    assert node.revision == selectors.revision()
    Token.objects.filter(pk=token.pk).update(valid=False)
    assert Node.objects.get().revision < selectors.revision()
    assert selectors.nodes_behind(selectors.revision())
    following.look()
    assert not selectors.nodes_behind(selectors.revision())


@pytest.mark.parametrize("anew", [False, True])
def test_a_node_that_was_silent_is_counted_before_its_copy_is_good_again(
    following: Following, monkeypatch: pytest.MonkeyPatch, anew: bool
) -> None:
    """Or a revision could be said to be in force just before this node answers by the one before it."""
    following.look()
    Node.objects.update(seen_at=timezone.now() - timedelta(minutes=1))
    following.follower._reported = time.monotonic() - 60, following.meta.revision
    if anew:
        following.follower._made = follower.make(following.follower.folder, url(), ADDRESS)
        following.follower.writer = None
    newer = selectors.revision() + 1
    waits_for_us: list[bool] = []
    beat = snapshot.Writer.beat

    def observed(*args: Any) -> None:
        waits_for_us.append(selectors.nodes_behind(newer))
        beat(*args)

    monkeypatch.setattr(snapshot.Writer, "beat", observed)
    following.look()
    assert waits_for_us == [True]


def test_a_migration_that_wants_what_is_being_read_is_not_broken_off(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the tokens and waits for the changes; the follower is reading the changes, and asks for the tokens."""
    reading, gave_way = threading.Event(), threading.Event()
    read = documents.changed

    def read_late(*arguments: Any) -> list[Any]:
        reading.set()
        until(is_waiting_for_a_lock)
        return list(read(*arguments))

    def look() -> None:
        try:
            following.look()
        except psycopg.errors.LockNotAvailable:
            gave_way.set()

    Token.objects.update(valid=False)
    monkeypatch.setattr(documents, "changed", read_late)
    looking = threading.Thread(target=look)
    with closing(psycopg.connect(url())) as migration:
        migration.execute("LOCK TABLE tokens_token IN ACCESS EXCLUSIVE MODE")
        looking.start()
        assert reading.wait(PATIENCE)
        migration.execute("LOCK TABLE authorization_change IN ACCESS EXCLUSIVE MODE")
        migration.commit()
    looking.join()
    assert gave_way.is_set()
    monkeypatch.setattr(documents, "changed", read)
    following.look()
    assert following.is_right()


def is_waiting_for_a_lock() -> bool:
    with closing(psycopg.connect(url())) as other:
        found = other.execute(
            "SELECT FROM pg_locks WHERE NOT granted AND relation = 'authorization_change'::regclass"
        ).fetchone()
    return found is not None


def test_how_long_it_takes_is_counted(following: Following) -> None:
    def counted(how: str) -> float:
        return REGISTRY.get_sample_value("chargeward_copy_seconds_count", {"how": how}) or 0.0

    before = counted("changes"), counted("anew")
    following.look()  # nothing changed: nothing is counted
    Token.objects.update(valid=False)
    following.look()
    assert (counted("changes"), counted("anew")) == (before[0] + 1, before[1])
    following.follower._make_anew()
    following.look()
    assert counted("anew") == before[1] + 1
