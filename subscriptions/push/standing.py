"""How pushing to a partner goes, for its pages and the API."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from subscriptions.models import PushEndpoint, Subscription

STATES: dict[str, Any] = {"on": _("on"), "failing": _("failing"), "off": _("switched off"), "paused": _("paused")}
MOST_COUNTED = 100_000


def state_of(endpoint: PushEndpoint, subscription: Subscription) -> str:
    """off: the partner answered 410."""
    if endpoint.off_at is not None:
        return "off"
    if not subscription.enabled:
        return "paused"
    return "failing" if endpoint.failures else "on"


@dataclass(frozen=True)
class Standing:
    """An endpoint with its state, and how much waits there or was given up, counted to MOST_COUNTED."""

    endpoint: PushEndpoint
    state: str
    waiting: int
    parked: int

    @property
    def pk(self) -> int:
        return int(self.endpoint.pk)


def standing(subscription: Subscription) -> list[Standing]:
    return [
        Standing(row, state_of(row, subscription), _count(row, "waiting"), _count(row, "parked"))
        for row in subscription.endpoints.all()
    ]


def _count(endpoint: PushEndpoint, state: str) -> int:
    return endpoint.deliveries.filter(state=state).values("pk")[:MOST_COUNTED].count()
