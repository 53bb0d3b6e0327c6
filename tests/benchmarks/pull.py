"""How long a page of the partners' lists takes, at their beginning, in the middle and at their end, while rows change.

The walk follows each `Link`, as a partner does: what was there all the while comes once, whatever is added, changed and
deleted meanwhile. 100,000 locations and 1,000,000 tokens of the large demo world (BENCH_SIZE=small for a quick look).
"""

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client

from locations.models import CPO, Location
from subscriptions import services
from subscriptions.models import Module, Subscription
from tests.plans import rows_read
from tokens.models import EMSP, Token, TokenType

SIZE = os.environ.get("BENCH_SIZE", "large")
ROUNDS = 9
Print = Callable[[str], object]
PUBLIC = Location.objects.filter(published=True)


@dataclass
class Walk:
    """For each page: seconds it took, rows that the database read for it, its size in bytes. names: what came."""

    seconds: list[float] = field(default_factory=list)
    read: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    names: Counter[str] = field(default_factory=Counter)

    def deciles(self, figures: list[Any]) -> tuple[float, float, float]:
        """The median page of the first, the fifth and the last tenth of the walk."""
        tenth = max(len(figures) // 10, 1)
        middle = len(figures) // 2
        return median(figures[:tenth]), median(figures[middle : middle + tenth]), median(figures[-tenth:])


def pages(client: Client, path: str, name: str, limit: int) -> Iterator[tuple[Walk, int]]:
    """After each page the walk so far, and how many rows the list has; whoever walks may change rows between."""
    walk, url = Walk(), f"{path}?limit={limit}"
    while url:
        walk.urls.append(url)
        before, began = rows_read(), time.perf_counter()
        answer = client.get(url)
        walk.seconds.append(time.perf_counter() - began)
        walk.read.append(rows_read() - before)
        walk.sizes.append(len(answer.content))
        assert answer.status_code == 200, answer.content[:300]
        shown = json.loads(answer.content)["data"]
        walk.names.update(each[name] for each in shown)
        yield walk, int(answer.headers["X-Total-Count"])
        link = answer.headers.get("Link", "")
        url = link[1:].partition(">")[0].removeprefix("http://testserver")


def walked(client: Client, kind: str, limit: int) -> Walk:
    """The whole list, while before and behind the walk rows are deleted, changed and added.

    Fails where a row that was there all the while did not come, or came twice.
    """
    model: Any = Token if kind == "tokens" else Location
    column = "uid" if kind == "tokens" else "location_id"
    there = model.objects.filter(uid__isnull=False, emsp__isnull=False) if kind == "tokens" else PUBLIC
    every = Counter(there.values_list(column, flat=True))
    passing, gone, walk = 0, set[str](), Walk()
    for walk, total in pages(client, f"/ocpi/2.1.1/{kind}/", "uid" if kind == "tokens" else "id", limit):
        assert total
        if len(walk.seconds) % 3 == 1:
            passing += 1
            gone |= set(_change(model, column, walk, every.keys() - gone, passing))
    missed = [name for name in every.keys() - gone if walk.names[name] < every[name]]
    twice = [name for name, count in walk.names.items() if count > max(every[name], 1)]
    assert not missed, sorted(missed)[:5]
    assert not twice, twice[:5]
    return walk


def in_turns(client: Client, walk: Walk) -> tuple[float, float, float]:
    """Seconds of a page at the beginning, in the middle and before the end, which take turns: what the machine does
    meanwhile slows all three alike."""
    three = walk.urls[0], walk.urls[len(walk.urls) // 2], walk.urls[-2:][0]
    spent: tuple[list[float], ...] = ([], [], [])
    for _ in range(ROUNDS):
        for url, seconds in zip(three, spent, strict=True):
            began = time.perf_counter()
            assert client.get(url).status_code == 200
            seconds.append(time.perf_counter() - began)
    first, middle, last = map(median, spent)
    return first, middle, last


def _change(model: Any, column: str, walk: Walk, there: set[str], passing: int) -> list[str]:
    """Takes away one that has come and one that is still to come, changes one, adds one; who is gone."""
    behind = next((name for name in walk.names if name in there), None)
    ahead = next((name for name in there if name not in walk.names), None)
    gone = [name for name in (behind, ahead) if name is not None and _taken(model, name, passing)]
    if model is Token:
        Token.objects.filter(uid=next(iter(walk.names))).update(issuer=f"Changed {passing}")
        Token.objects.create(emsp=EMSP.objects.earliest("pk"), type=TokenType.RFID, uid=f"0BBBBB{passing:08X}")
    else:
        Location.objects.filter(location_id=next(iter(walk.names))).update(name=f"Changed {passing}")
        Location.objects.create(cpo=CPO.objects.earliest("pk"), location_id=f"added-{passing}", name="Added")
    return gone


def _taken(model: Any, name: str, passing: int) -> bool:
    """Whether it is gone by that name. Nothing is deleted, for something may name it."""
    if model is Location:
        return bool(Location.objects.filter(location_id=name).update(published=False))
    if Token.objects.filter(uid=name).exclude(type=TokenType.RFID).exists():
        return False
    return bool(Token.objects.filter(uid=name).update(uid=f"0C{passing:04X}{name[:20]}"))


def partner() -> Client:
    """Who sees everything."""
    row = Subscription.objects.create(
        country_code="ZZ", party_id="PUL", name="Pull", role="CPO", all_cpos=True, modules=list(Module)
    )
    row.emsps.set(EMSP.objects.all())
    return Client(HTTP_AUTHORIZATION=f"Token {services.issue(row)}")


def run(print: Print = print) -> dict[str, float]:  # noqa: A002 - it says what to pass
    """Figures by name: `…_ms` of a page of 1,000, `…_kb` of its body."""
    figures: dict[str, float] = {}

    def note(name: str, value: float, about: str = "") -> None:
        figures[name] = value
        print(f"{name:<34} {value:>12,.2f}  {about}")

    settings.ALLOWED_HOSTS = ["testserver"]
    call_command("migrate", verbosity=0)
    print(f"filling the database with the {SIZE} demo world …")
    call_command("seed_demo", size=SIZE, verbosity=0, stdout=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    client = partner()
    for kind in ("locations", "tokens"):
        walk = walked(client, kind, 1000)
        note(f"{kind}_pages", len(walk.seconds), f"{walk.names.total():,} rows, none missed, none twice")
        for when, seconds in zip(("first", "middle", "last"), walk.deciles(walk.seconds), strict=True):
            note(f"{kind}_{when}_ms", seconds * 1000)
        for when, size in zip(("first", "middle", "last"), walk.deciles(walk.sizes), strict=True):
            note(f"{kind}_{when}_kb", size / 1024)
        first, middle, last = in_turns(client, walk)
        note(f"{kind}_middle_to_first", middle / first, "in turns; goal: 1")
        note(f"{kind}_last_to_first", last / first, "in turns; goal: 1")
    return figures
