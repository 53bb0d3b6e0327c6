"""The admin's first page and what its sidebar may show."""

from collections import Counter
from typing import Any

from django.db import connection
from django.http import HttpRequest

from authorization.models import ChargeException, Decision, ExceptionGroup
from locations import access
from locations.models import CPO, ChargeStation, Location
from tokens.models import EMSP, Customer, Token

LATEST = 2000
SHOWN = 8
COUNTED = {
    "CPOs": ("domain", CPO),
    "Charge locations": ("ev_station", Location),
    "Charge stations": ("charger", ChargeStation),
    "eMSPs": ("handshake", EMSP),
    "Customers": ("groups", Customer),
    "Charge tokens": ("contactless", Token),
    "Exception groups": ("folder_shared", ExceptionGroup),
    "Exceptions": ("rule", ChargeException),
}


def is_admin(request: HttpRequest) -> bool:
    """Whether the sidebar shows the models' pages: a superuser's, until managers have theirs."""
    return access.is_admin(request.user)


def home(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Adds the counts and the newest refusals for a superuser; the page says so where there is nothing to see yet."""
    context["title"] = "Dashboard"
    context["sees_everything"] = is_admin(request)
    if context["sees_everything"]:
        context |= {"cards": _cards(), **_questions()}
    return context


def _cards() -> list[dict[str, Any]]:
    return [
        {
            "title": title,
            "icon": icon,
            "count": count,
            "about": about,
            "url": f"admin:{model._meta.label_lower.replace('.', '_')}_changelist",
        }
        for title, (icon, model) in COUNTED.items()
        for count, about in [_count(model)]
    ]


def _count(model: Any) -> tuple[int, bool]:
    """How many rows, and whether that is the planner's number: nobody counts a million tokens for a start page."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [model._meta.db_table])
        estimate = int(cursor.fetchone()[0])
    return (estimate, True) if estimate > 10_000 else (model.objects.count(), False)


def _questions() -> dict[str, Any]:
    """The newest LATEST answers: how many were refusals, why, and the newest of these."""
    newest = list(Decision.objects.values_list("pk", "accepted", "reason")[:LATEST])
    refused = [(pk, reason) for pk, accepted, reason in newest if not accepted]
    shown = Decision.objects.select_related("location", "token").filter(pk__in=[pk for pk, _ in refused[:SHOWN]])
    return {
        "asked": len(newest),
        "accepted": len(newest) - len(refused),
        "refused": len(refused),
        "accepted_percent": round(100 * (len(newest) - len(refused)) / len(newest)) if newest else 0,
        "reasons": Counter(reason for _, reason in refused).most_common(5),
        "refusals": shown,
    }
