"""Taken away in one place, and after that given in another: no answer may know of the second and not of the first.

Two private sites, and cards that are on the list of one of them at most. Whoever sees a card accepted at both has mixed
an old state with a newer one.
"""

import http.client
import json
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings

from authorization.cache import follower
from authorization.cache.snapshot import Meta, Writer
from authorization.cache.store import CacheStore
from authorization.engine.decide import decide
from authorization.facts import Facts
from authorization.questions import parse
from authorization.store import DatabaseStore
from tests.authorization.served_copy import SharedReader
from tests.drills.world import HOST, Node, World
from tests.stack import driver

WRITERS = 8
BATCH = "/api/v1/authorize/batch"
Both = tuple[bool, bool, int]  # accepted at one, accepted at the other, of which revision
Ask = Callable[["Card"], Both | None]


@dataclass(frozen=True)
class Card:
    token: int
    auth_id: str
    places: tuple[str, str]  # location_ids
    sites: tuple[int, int]  # pks

    def bodies(self) -> list[dict[str, str]]:
        return [{"id_token": self.auth_id, "token_type": "e_maid", "location_id": place} for place in self.places]


@dataclass
class Found:
    """pairs: taken away and given. answers: questions about both sites. mixed: accepted at both."""

    pairs: int = 0
    answers: int = 0
    unanswered: int = 0
    mixed: int = 0
    older: int = 0  # answers of an older revision than one before them on the same connection


def cards(world: World) -> list[Card]:
    sites, places, named = world.cast["enemies"]
    return [Card(token, auth_id, tuple(places), tuple(sites)) for token, auth_id in named]


def pairs(world: World, asks: list[Ask], count: int) -> Found:
    """`count` times away and given elsewhere, by 8 writers, while as many ask as there are ways to."""
    found, stopped, lock = Found(), threading.Event(), threading.Lock()
    every = cards(world)

    def write(card: Card) -> None:
        with world.connect() as connection:
            for number in range(count // WRITERS):
                _move(connection, card, card.sites[number % 2], card.sites[1 - number % 2])
                with lock:
                    found.pairs += 1

    def read(ask: Ask) -> None:
        last = 0
        while not stopped.is_set():
            both = ask(random.choice(every))
            with lock:
                if both is None:
                    found.unanswered += 1
                    continue
                found.answers += 1
                found.mixed += both[0] and both[1]
                found.older += both[2] < last
            last = both[2]

    with ThreadPoolExecutor(WRITERS + len(asks)) as pool:
        readers = [pool.submit(read, ask) for ask in asks]
        try:
            for writer in [pool.submit(write, card) for card in every]:
                writer.result()
            time.sleep(1.0)
        finally:
            stopped.set()
        for reader in readers:
            reader.result()
    return found


def _move(connection: psycopg.Connection[Any], card: Card, away: int, to: int) -> None:
    connection.execute(
        "DELETE FROM authorization_authorizationlistentry WHERE location_id = %s AND token_id = %s", [away, card.token]
    )
    connection.execute(
        "INSERT INTO authorization_authorizationlistentry (location_id, token_id, added_at) VALUES (%s, %s, now())",
        [to, card.token],
    )


def over_http(node: Node, key: str) -> Ask:
    """A batch over a connection of its own; None where there was no answer."""
    connection = http.client.HTTPConnection(HOST, node.port, timeout=15)
    headers = {"Authorization": f"Token {key}", "Content-Type": "application/json"}

    def ask(card: Card) -> Both | None:
        try:
            connection.request("POST", BATCH, json.dumps({"requests": card.bodies()}), headers)
            answer = connection.getresponse()
            body = json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            connection.close()
            return None
        if answer.status != 200:
            return None
        one, other = body["results"]
        assert one["revision"] == other["revision"]
        return one["status"] == "accepted", other["status"] == "accepted", one["revision"]

    return ask


@contextmanager
def in_process(world: World, fenced: bool) -> Iterator[Ask]:
    """A follower and a reader of its copy here; without the fence, documents come into the copy one by one."""
    with tempfile.TemporaryDirectory(prefix="chargeward-drill-") as folder:
        following = follower.Follower(Path(folder), world.postgres.url, settings.DATABASE_ADDRESS)
        stopped = threading.Event()
        with _applying(fenced):
            thread = threading.Thread(target=following.run, args=[stopped], daemon=True)
            thread.start()
            try:
                driver.wait_for(lambda: following.writer is not None, 60)
                assert following.writer is not None
                store = CacheStore(SharedReader(following.writer), DatabaseStore())
                yield _asking(store, world.cast["charger"])
            finally:
                stopped.set()
                thread.join()


@contextmanager
def _applying(fenced: bool) -> Iterator[None]:
    whole = Writer._apply

    def in_pieces(self: Writer, documents: Any, meta: Meta) -> None:
        """As they come in any order, each for itself, and the revision that they belong to at the end."""
        some = list(documents)
        random.shuffle(some)
        for each in some:
            whole(self, [each], replace(self.meta))
            time.sleep(0.001)
        whole(self, [], meta)

    if not fenced:
        Writer._apply = in_pieces  # type: ignore[method-assign]
    try:
        yield
    finally:
        Writer._apply = whole  # type: ignore[method-assign]


def _asking(store: CacheStore, key: str) -> Ask:
    def ask(card: Card) -> Both | None:
        now = datetime.now(UTC)
        asked = store.ask(key, [parse(body) for body in card.bodies()], now)
        if asked is None:  # no copy yet
            time.sleep(0.01)
            return None
        loaded = asked.loaded
        one, other = [decide(each.request, loaded.rules, now) for each in loaded.facts if isinstance(each, Facts)]
        return one.accepted, other.accepted, loaded.revision

    return ask
