"""What an operator should look at before somebody else notices. Each look has its bound of time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db import OperationalError, connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils.translation import ngettext

from authorization.models import (
    ApiKey,
    AuthorizationListEntry,
    ChargeException,
    ExceptionCpoGroup,
    ExceptionEmspGroup,
    ExceptionGroup,
    GroupMember,
)
from locations.access import Scope, managed_by
from locations.models import ChargeStation, Location
from tokens.models import Token

SHOWN = 5
PATIENCE = 1000  # milliseconds for one look
DAY = timedelta(days=1)
WEEK = timedelta(days=7)


class Item(NamedTuple):
    """title: what is the matter. links: (name, address) of the first few. more: whether there are others."""

    title: str
    links: list[tuple[str, str]]
    more: bool


def items(scope: Scope, now: datetime) -> list[Item]:
    """Of the user's own. `now`: aware."""
    return [
        item
        for look in (_closed, _ending, _empty, _without_token, _free)
        for item in _within_patience(lambda look=look: list(look(scope, now)))
    ]


def _within_patience(look: Any) -> list[Item]:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {PATIENCE}")
            found: list[Item] = look()
            return found
    except OperationalError:
        return []  # too many rows to look through for a start page


def _item(title: Any, rows: Any) -> Iterator[Item]:
    """title(number): the sentence for so many, at most SHOWN + 1."""
    found = list(rows[: SHOWN + 1])
    if found:
        options = found[0]._meta
        name = f"admin:{options.app_label}_{options.model_name}_change"
        links = [(str(row), reverse(name, args=(row.pk,))) for row in found[:SHOWN]]
        yield Item(title(len(found)), links, len(found) > SHOWN)


def _closed(scope: Scope, now: datetime) -> Iterator[Item]:
    rows = managed_by(scope, ApiKey.objects.all()).filter(limited_at__gt=now - DAY)
    yield from _item(
        lambda n: ngettext(
            "An API key asked about too many unknown tokens, and was refused for a while",
            "API keys asked about too many unknown tokens, and were refused for a while",
            n,
        ),
        rows.order_by("-limited_at", "pk"),
    )


def _ending(scope: Scope, now: datetime) -> Iterator[Item]:
    local = now.astimezone(UTC).replace(tzinfo=None)
    rows = managed_by(scope, ChargeException.objects.all()).filter(
        enabled=True, valid_until__gt=local, valid_until__lte=local + WEEK
    )
    yield from _item(
        lambda n: ngettext("An exception ends within a week", "Exceptions end within a week", n),
        rows.order_by("valid_until", "pk"),
    )


def _empty(scope: Scope, now: datetime) -> Iterator[Item]:
    # Few groups are empty; whether one is used is then one look into an index for each side.
    sides = (ExceptionCpoGroup, ExceptionEmspGroup)
    on_cpo_side, on_emsp_side = (
        Exists(side.objects.filter(group=OuterRef("pk"), exception__enabled=True)) for side in sides
    )
    rows = managed_by(scope, ExceptionGroup.objects.all()).filter(
        ~Exists(GroupMember.objects.filter(group=OuterRef("pk"))), on_cpo_side | on_emsp_side
    )
    yield from _item(
        lambda n: ngettext(
            "A group in use is empty: it covers nothing", "Groups in use are empty: they cover nothing", n
        ),
        rows.order_by("name", "pk"),
    )


def _without_token(scope: Scope, now: datetime) -> Iterator[Item]:
    usable = (
        Q(valid=True)
        & (Q(expires_at=None) | Q(expires_at__gt=now))
        & ~Q(driver__blocked=True)
        & ~Q(customer__blocked=True)
        & ~Q(emsp__blocked=True)
    )
    entries = AuthorizationListEntry.objects.filter(location=OuterRef("pk"))
    tokens = Token.objects.filter(usable)
    lets_in = entries.filter(
        Exists(tokens.filter(customer=OuterRef("customer")))
        | Exists(tokens.filter(auth_id_normal=OuterRef("auth_id")))
        | Q(auth_id=None) & Exists(tokens.filter(pk=OuterRef("token")))
    )
    # A private location is never published: that says where to look.
    rows = managed_by(scope, Location.objects.filter(published=False)).filter(Exists(entries), ~Exists(lets_in))
    yield from _item(
        lambda n: ngettext(
            "A private location lets nobody in: no token on its list can be used",
            "Private locations let nobody in: no token on their lists can be used",
            n,
        ),
        rows.order_by("name", "pk"),
    )


def _free(scope: Scope, now: datetime) -> Iterator[Item]:
    private = Exists(AuthorizationListEntry.objects.filter(location=OuterRef("location")))
    rows = managed_by(scope, ChargeStation.objects.all()).filter(authorization_required=False).filter(private)
    yield from _item(
        lambda n: ngettext(
            "A charge station at a private location is free for everybody",
            "Charge stations at private locations are free for everybody",
            n,
        ),
        rows.order_by("identity_normal"),
    )
