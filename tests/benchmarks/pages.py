"""The portal's pages in a world of a million tokens, 100,000 locations and 10,000 exceptions, and in a small one: how
many queries each asks, and how long the database takes. Neither should grow with the tables.

Of an Admin, through Django, without a network: every list, a search in it, and each page of an object in its middle.
"""

import io
import statistics
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from django.urls import reverse

from authorization.models import AuthorizationListEntry, ChargeException, Decision, ExceptionGroup
from locations.models import CPO, EVSE, ChargeStation, Location
from tests.benchmarks.locations import fresh_database
from tokens.models import EMSP, Customer, Driver, Token

ROUNDS = 3
SIZES = ("small", "large")
# What is typed into the search of each list.
SEARCHED: dict[Any, str] = {
    CPO: "name", Location: "name", ChargeStation: "identity", EVSE: "evse_id", EMSP: "name", Customer: "name",
    Driver: "name", Token: "auth_id", ExceptionGroup: "name", ChargeException: "name", Decision: "token",
}  # fmt: skip
Print = Callable[[str], object]
# By page: queries asked, milliseconds of the database.
Cost = tuple[int, float]


def run(print: Print = print) -> dict[str, float]:  # noqa: A002 - it says what to pass
    """Figures by name: `pages_<page>_<size>_ms`, `…_queries`."""
    # Nobody has collected the static files here.
    plain = settings.STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    costs: dict[str, dict[str, Cost]] = {}
    for size in SIZES:
        with fresh_database(), override_settings(ALLOWED_HOSTS=["testserver"], STORAGES=plain):
            call_command("seed_demo", size=size, verbosity=0, stdout=io.StringIO())
            with connection.cursor() as cursor:
                cursor.execute("VACUUM ANALYZE")
            client = Client()
            client.force_login(User.objects.create_superuser("bench-admin"))
            costs[size] = {page: _cost(client, address) for page, address in _addresses().items()}
    figures: dict[str, float] = {}
    for page in costs[SIZES[0]]:
        line = f"{page:<44}"
        for size in SIZES:
            queries, milliseconds = costs[size].get(page, (0, 0.0))
            figures |= {f"pages_{page}_{size}_ms": milliseconds, f"pages_{page}_{size}_queries": queries}
            line += f" {size} {queries:4d} queries {milliseconds:8.1f} ms"
        print(line)
    return figures


def _addresses() -> dict[str, str]:
    found = {"dashboard": reverse("admin:index"), "why": reverse("why")}
    for model, column in SEARCHED.items():
        page: Any = admin.site._registry[model]
        name, row = model._meta.model_name, _middle(model)
        listed = page.address("changelist")
        found |= {f"{name} list": listed, f"{name} search": f"{listed}?q={getattr(row, column)}"}
        found |= {f"{name} last page": f"{listed}?p=200"} if model._base_manager.count() > 200 * 50 else {}
        found[f"{name} change"] = page.address("change", row)
        for tab in page.object_pages:
            if tab.title:
                found[f"{name} {tab.slug}"] = page.address(tab.slug, row)
        found[f"{name} history"] = page.address("history", row)
    return found


def _middle(model: Any) -> Any:
    """A row from the middle of the table; of locations one with a list, of groups one with members."""
    rows = model._base_manager.order_by("pk")
    if model is Location:
        rows = rows.filter(pk__in=AuthorizationListEntry.objects.values("location"))
    if model is Decision:
        rows = rows.filter(token__isnull=False)
    return rows[rows.count() // 2]


def _cost(client: Client, address: str) -> Cost:
    times, queries = [], 0
    for _ in range(ROUNDS):
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(address)
        assert answer.status_code == 200, (address, answer.status_code)
        queries = len(captured)
        times.append(1000 * sum(float(query["time"]) for query in captured.captured_queries))
    return queries, statistics.median(times)
