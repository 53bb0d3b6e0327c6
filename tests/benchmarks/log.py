"""The authorization log with many rows (BENCH_ROWS, a million unless said) and with few: pages, filters and searches in
portal and API, and how old rows go.

Through Django, without a network: of an Admin, and of the managers of the CPO and the eMSP with the most rows. The rows
are of 90 days, of cards and places of the small demo world, a thousandth of them of unknown cards.
"""

import io
import os
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.db.models import Count
from django.test import Client
from django.test.utils import override_settings
from django.urls import reverse
from django.utils import timezone

from authorization import partitions
from authorization.models import Decision
from authorization.sealed import pseudonym, seal
from authorization.tasks import forget_presented
from locations.access import MANAGE_CPO, grant
from locations.models import CPO
from portal import roles
from tests.benchmarks.locations import fresh_database
from tokens.access import MANAGE_EMSP
from tokens.models import EMSP, Token

FEW, ROWS = 10_000, int(os.environ.get("BENCH_ROWS", "1000000"))
DAYS = 90
ROUNDS = 5
CHUNK = 500_000  # rows a statement
UNKNOWN = "04FFEEDDCCBBAA"
Print = Callable[[str], object]
Pages = dict[str, tuple[Client, str]]


def run(print: Print = print) -> dict[str, float]:  # noqa: A002 - it says what to pass
    """Figures by name: `log_<page>_few_ms`, `log_<page>_many_ms`, and seconds of what looks after the table."""
    figures: dict[str, float] = {}
    # Nobody has collected the static files here.
    plain = settings.STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    with fresh_database(), override_settings(ALLOWED_HOSTS=["testserver"], STORAGES=plain):
        call_command("seed_demo", size="small", verbosity=0, stdout=io.StringIO())
        _make_room()
        pages: Pages = {}
        for size, rows in (("few", FEW), ("many", ROWS)):
            started = time.perf_counter()
            _fill(rows)
            _sql("VACUUM ANALYZE authorization_decision")
            figures[f"log_fill_{size}_s"] = time.perf_counter() - started
            pages = pages or _pages()
            print(f"{size}: {rows:,} rows, {_megabytes():,.0f} MB, made in {figures[f'log_fill_{size}_s']:.0f} s")
            for page, (client, address) in pages.items():
                figures[f"log_{page}_{size}_ms"] = _median(client, address)
        for page in pages:
            few, many = figures[f"log_{page}_few_ms"], figures[f"log_{page}_many_ms"]
            print(f"{page:<44} {few:8.1f} ms few {many:8.1f} ms many")
        figures |= _looked_after(print)
    return figures


def _sql(query: str, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)
        return cursor.fetchall() if cursor.description else []


def _make_room() -> None:
    """Weeks for the rows to come, and cards with what the log keeps of their ids."""
    now = timezone.now()
    Decision.objects.all().delete()
    partitions.provide(connection, now - timedelta(days=DAYS + 7), now + timedelta(days=7))
    _sql("CREATE TABLE bench_cards (n bigserial, id bigint, mark text)")
    cards = list(Token.objects.exclude(uid=None).values_list("pk", "uid_normal"))
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO bench_cards (id, mark) VALUES (%s, %s)", [(pk, pseudonym(uid)) for pk, uid in cards]
        )
    _sql("CREATE TABLE bench_places AS SELECT row_number() OVER (ORDER BY id) AS n, id, name FROM locations_location")
    _sql("ALTER TABLE bench_cards ADD PRIMARY KEY (n); ALTER TABLE bench_places ADD PRIMARY KEY (n)")


def _fill(rows: int) -> None:
    """Up to so many, in the order of time as the log gets them; of a few places and cards more than of others."""
    ((there,),) = _sql("SELECT count(*) FROM authorization_decision")
    now, sealed, mark = timezone.now(), seal(UNKNOWN), pseudonym(UNKNOWN)
    for start in range(there, rows, CHUNK):
        _sql(
            """
            INSERT INTO authorization_decision (request_id, decided_at, caller, token_type, token_id, token_pseudonym,
                presented_sealed, location_id, place, accepted, reason, revision, source)
            SELECT 'bench-' || r.n, %s::timestamptz - interval '90 days' * r.until_now, 'bench key', 'ISO14443',
                CASE WHEN unknown THEN NULL ELSE c.id END, CASE WHEN unknown THEN %s ELSE c.mark END,
                CASE WHEN unknown THEN %s ELSE '' END, p.id, p.name, NOT unknown AND r.n %% 10 > 0,
                CASE WHEN unknown THEN 'UNKNOWN_TOKEN' WHEN r.n %% 10 > 0 THEN 'ALLOWED'
                     WHEN r.n %% 1000 = 0 THEN 'BLACKLISTED' ELSE 'NOT_ON_AUTHORIZATION_LIST' END, 1, 'cache'
            FROM (SELECT n, n %% 1000 = 7 AS unknown, (%s::bigint - n)::float8 / (%s::bigint - %s::bigint) AS until_now,
                    1 + floor(power(random(), 2) * (SELECT count(*) FROM bench_cards))::bigint AS card,
                    1 + floor(power(random(), 2) * (SELECT count(*) FROM bench_places))::bigint AS place
                  FROM generate_series(%s::bigint, %s::bigint) AS n OFFSET 0) AS r
            JOIN bench_cards c ON c.n = r.card JOIN bench_places p ON p.n = r.place
            """,
            now, mark, sealed, rows, rows, there, start, min(start + CHUNK, rows) - 1,
        )  # fmt: skip


def _megabytes() -> float:
    found = _sql(
        "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits"
        " WHERE inhparent = 'authorization_decision'::regclass"
    )
    return float(found[0][0]) / 2**20


def _pages() -> Pages:
    """By name: who asks, and for what."""
    clients = {name: _client(user) for name, user in _users().items()}
    card = Token.objects.get(pk=_sql("SELECT id FROM bench_cards ORDER BY n OFFSET 5 LIMIT 1")[0][0])
    rare = Token.objects.get(pk=_sql("SELECT id FROM bench_cards ORDER BY n DESC LIMIT 1")[0][0])
    place, name = _sql("SELECT id, name FROM bench_places ORDER BY n LIMIT 1")[0]
    middle = Decision.objects.order_by("-decided_at")[FEW // 2]
    day = (timezone.now() - timedelta(days=30)).date()
    listed, api = reverse("admin:authorization_decision_changelist"), "/api/v1/authorizations/"
    found: Pages = {}
    for who in clients:
        asked = {
            "list": listed, "list page 5": f"{listed}?p=5", "list search card": f"{listed}?q={card.uid}",
            "list search unknown card": f"{listed}?q={UNKNOWN}", "list search place": f"{listed}?q={name}",
            "list rejected": f"{listed}?accepted__exact=0", "list reason": f"{listed}?reason=BLACKLISTED",
            "list of a day": f"{listed}?decided_at_from_0={day}&decided_at_from_1=00:00&decided_at_to_0={day}"
                             "&decided_at_to_1=23:59",
            "api first": api, "api 1000": f"{api}?page_size=1000", "api walk": f"{api}?after={middle.pk}",
            "api search card": f"{api}?search={card.uid}", "api search rare card": f"{api}?search={rare.uid}",
            "api location": f"{api}?location={place}", "api token": f"{api}?token={card.pk}",
            "api reason": f"{api}?reason=BLACKLISTED", "api day": f"{api}?decided_from={day}T00:00:00Z",
            "api question": f"{api}?request_id={middle.request_id}",
        }  # fmt: skip
        found |= {f"{who}: {what}": (clients[who], address) for what, address in asked.items()}
    admin = clients["admin"]
    found["admin: dashboard"] = admin, reverse("admin:index")
    found["admin: decision"] = admin, reverse("admin:authorization_decision_change", args=(middle.pk,))
    return found


def _users() -> dict[str, User]:
    by_place = Decision.objects.values("cpo").annotate(rows=Count("pk")).order_by("-rows")
    by_card = Decision.objects.exclude(token=None).values("emsp").annotate(rows=Count("pk")).order_by("-rows")
    cpo, emsp = (User.objects.create_user(name, is_staff=True) for name in ("bench-cpo", "bench-emsp"))
    cpo.groups.add(Group.objects.get(name=roles.CPO_MANAGER))
    emsp.groups.add(Group.objects.get(name=roles.EMSP_MANAGER))
    grant(cpo, MANAGE_CPO, CPO.objects.get(pk=by_place[0]["cpo"]))
    grant(emsp, MANAGE_EMSP, EMSP.objects.get(pk=by_card[0]["emsp"]))
    return {"admin": User.objects.create_superuser("bench-admin"), "cpo": cpo, "emsp": emsp}


def _client(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def _median(client: Client, address: str) -> float:
    """Milliseconds."""
    spent = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        answer: Any = client.get(address)
        spent.append(time.perf_counter() - started)
        assert answer.status_code == 200, (address, answer.status_code)
    return statistics.median(spent) * 1000


def _looked_after(print: Print) -> dict[str, float]:  # noqa: A002 - as above
    """A week goes as a whole; of the week after it, days go row by row; ids of unknown cards are forgotten."""
    oldest = timezone.now() - timedelta(days=DAYS)
    monday = (oldest - timedelta(days=oldest.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    figures = {}
    for name, work in (
        ("weeks dropped", lambda: partitions.forget(connection, monday + timedelta(days=21))),
        ("a day deleted", lambda: partitions.forget(connection, monday + timedelta(days=22))),
        ("ids of unknown cards forgotten", forget_presented),
    ):
        started = time.perf_counter()
        rows = work()
        figures[f"log_{name}_s"] = seconds = time.perf_counter() - started
        print(f"{name:<44} {rows:,} rows in {seconds:.2f} s")
    return figures
