"""First pages, searches by id and walks in the management API, in a world of a million tokens and in a small one.

A time is the median of ROUNDS requests through Django, without a network: of an Admin, and of a manager of the largest
eMSP. `…_ratio` is the large world's time by the small one's: it should stay near one.
"""

import io
import statistics
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.db.models import Count
from django.test import Client

from authorization.services import create_key
from locations.access import grant
from portal import roles
from tests.benchmarks.locations import fresh_database
from tokens.access import MANAGE_EMSP
from tokens.models import EMSP, Token

ROUNDS = 15
SIZES = ("small", "large")
Print = Callable[[str], object]


def run(print: Print = print) -> dict[str, float]:  # noqa: A002 - it says what to pass
    """Figures by name: `management_<who>_<what>_<size>_ms`, and `…_ratio` of large to small."""
    settings.ALLOWED_HOSTS = ["testserver"]
    figures: dict[str, float] = {}
    for size in SIZES:
        with fresh_database():
            call_command("seed_demo", size=size, verbosity=0, stdout=io.StringIO())
            _vacuum()
            print(f"{size}: {Token.objects.count():,} tokens")
            for who, client in _clients().items():
                for what, address in _questions().items():
                    figures[f"management_{who}_{what}_{size}_ms"] = _median(client, address)
    for name in [name for name in figures if name.endswith("_large_ms")]:
        small, large = figures[name.replace("_large_", "_small_")], figures[name]
        figures[name.replace("_large_ms", "_ratio")] = large / small
        print(f"{name.removesuffix('_large_ms'):<36} {small:8.1f} ms small {large:8.1f} ms large")
    return figures


def _vacuum() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _clients() -> dict[str, Client]:
    """A program of an Admin, and one of the manager of the eMSP with the most tokens."""
    manager = User.objects.create_user("bench")
    manager.groups.add(Group.objects.get(name=roles.EMSP_MANAGER))
    grant(manager, MANAGE_EMSP, _largest())
    users = {"admin": User.objects.create_superuser("bench-admin"), "manager": manager}
    return {who: Client(headers={"Authorization": f"Token {create_key(user=user)[1]}"}) for who, user in users.items()}


def _largest() -> EMSP:
    return EMSP.objects.annotate(number=Count("tokens")).order_by("-number")[0]


def _questions() -> dict[str, str]:
    """Addresses by name. The ids are of a token in the middle of the manager's."""
    rows = Token.objects.filter(emsp=_largest(), uid__isnull=False, auth_id__isnull=False).order_by("pk")
    some = rows[rows.count() // 2]
    return {
        "tokens_first_page": "tokens/",
        "tokens_first_1000": "tokens/?page_size=1000",
        "tokens_walk": f"tokens/?after={some.pk}&page_size=100",
        "tokens_search_auth_id": f"tokens/?search={some.auth_id}",
        "tokens_search_uid": f"tokens/?search={some.uid}",
        "tokens_filter_auth_id": f"tokens/?auth_id={some.auth_id}",
        "token": f"tokens/{some.pk}/",
        "customers_first_page": "customers/",
        "locations_first_page": "locations/",
        "log_first_page": "authorizations/",
    }


def _median(client: Client, address: str) -> float:
    """Milliseconds."""
    spent = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        answer: Any = client.get(f"/api/v1/{address}")
        spent.append(time.perf_counter() - started)
        assert answer.status_code == 200, answer.content
    return statistics.median(spent) * 1000
