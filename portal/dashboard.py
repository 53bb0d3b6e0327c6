"""The portal's first page: the last 24 hours, what needs attention, what changed; as far as one's parties go."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from authorization.models import ChargeException, Decision, ExceptionGroup
from authorization.services import charging
from locations.access import Scope, managed_by, scope_of_request
from locations.admin_paging import COUNTED
from locations.models import CPO, ChargeStation, Location
from portal import attention, newest
from portal.day import Day, day
from tokens.models import EMSP, Customer, Token

COUNTS = {
    gettext_lazy("CPOs"): ("domain", CPO),
    gettext_lazy("Charge locations"): ("location_on", Location),
    gettext_lazy("Charge stations"): ("ev_station", ChargeStation),
    gettext_lazy("eMSPs"): ("handshake", EMSP),
    gettext_lazy("Customers"): ("groups", Customer),
    gettext_lazy("Charge tokens"): ("contactless", Token),
    gettext_lazy("Exception groups"): ("workspaces", ExceptionGroup),
    gettext_lazy("Exceptions"): ("rule", ChargeException),
}
BAR, GAP, HEIGHT = 26, 4, 120  # of the chart, in its own units


def home(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the dashboard's template shows, for the request's user."""
    scope = scope_of_request(request)
    context["title"] = _("Dashboard")
    context["has_parties"] = scope.everything or any(scope.granted.values())
    if not context["has_parties"]:
        return context
    now = timezone.now()
    today = day(scope, now)
    cards = _cards(scope)
    return context | {
        "cards": cards,
        "begins": scope.everything and not any(card["count"] for card in cards),
        "day": today,
        "bars": _bars(today),
        "chart_width": len(today.hours) * (BAR + GAP),
        "chart_height": HEIGHT,
        "refusals": [refusal | {"link": _log(refusal, now)} for refusal in today.refusals],
        "state": charging.store.state(),
        "attention": attention.items(scope, now),
        "changes": newest.changes(scope),
    }


def _cards(scope: Scope) -> list[dict[str, Any]]:
    cards = []
    for title, (icon, model) in COUNTS.items():
        count, about = _count(scope, model)
        options = model._meta
        if count and scope.may(f"{options.app_label}.view_{options.model_name}"):
            link = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
            cards.append({"title": title, "icon": icon, "count": count, "about": about, "link": link})
        elif scope.everything:
            link = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
            cards.append({"title": title, "icon": icon, "count": 0, "about": "", "link": link})
    return cards


def _count(scope: Scope, model: Any) -> tuple[int, str]:
    """How many of one's own, and what to say before a number that is not exact: nobody counts a million tokens here."""
    counted = managed_by(scope, model.objects.order_by()).values("pk")[: COUNTED + 1].count()
    if counted <= COUNTED:
        return counted, ""
    if not scope.everything:
        return COUNTED, _("more than")
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [model._meta.db_table])
        return max(COUNTED, int(cursor.fetchone()[0])), _("about")


def _bars(today: Day) -> list[dict[str, Any]]:
    """The hours as bars of the chart: refused at the bottom, accepted on it."""
    highest = max((hour.accepted + hour.rejected for hour in today.hours), default=0) or 1
    bars = []
    for number, hour in enumerate(today.hours):
        rejected = round(HEIGHT * hour.rejected / highest, 1)
        accepted = round(HEIGHT * hour.accepted / highest, 1)
        bars.append(
            {
                "hour": hour,
                "x": number * (BAR + GAP),
                "width": BAR,
                "rejected_y": HEIGHT - rejected,
                "rejected": rejected,
                "accepted_y": round(HEIGHT - rejected - accepted, 1),
                "accepted": accepted,
            }
        )
    return bars


def _log(refusal: dict[str, Any], now: datetime) -> str:
    """The log with these refusals alone."""
    since = (now - timedelta(days=1)).replace(tzinfo=None)
    query = f"accepted__exact=0&reason={refusal['reason']}"
    query += f"&decided_at_from_0={since:%Y-%m-%d}&decided_at_from_1={since:%H:%M:%S}"
    for field in ("location", "token"):
        if refusal[field] is not None:
            query += f"&{field}__id__exact={refusal[field].pk}"
    options = Decision._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_changelist") + f"?{query}"
