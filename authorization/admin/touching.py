"""The exceptions that touch one object: those with a group that covers it, itself or by what it belongs to."""

from datetime import UTC, datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from authorization import selectors
from authorization.access import shown_groups
from authorization.admin import sentences
from authorization.engine.clock import UnknownZone, local_time, zone_of
from authorization.models import ChargeException, ExceptionCpoGroup, ExceptionEmspGroup, GroupMember
from locations.access import Scope, scope_of_request, visible_to
from locations.admin_listing import Column, Listing
from locations.models import CPO, Location
from tokens.models import EMSP, Customer, Driver, Token

NOBODY = Q(pk__in=())


def exceptions_listing(
    request: HttpRequest,
    *,
    location: Location | None = None,
    cpo: CPO | None = None,
    token: Token | None = None,
    customer: Customer | None = None,
    driver: Driver | None = None,
    emsp: EMSP | None = None,
) -> Listing:
    """For the page of one of these: the exceptions that the user may see, at a number of queries that stays."""
    members = _naming_place(location, cpo) | _naming_card(token, driver, customer, emsp)
    rows = visible_to(scope_of_request(request), touching(members))
    empty = _("No exception touches this: no group that covers it is whitelisted or blacklisted anywhere.")
    return listing_of(request, rows, empty=empty, local=_clock(location))


def listing_of(
    request: HttpRequest, rows: QuerySet[ChargeException], *, empty: str, local: datetime | None = None
) -> Listing:
    """Exceptions with their sentences. local: the wall clock of the one location that the page is about."""
    scope = scope_of_request(request)

    def state(row: ChargeException) -> str:
        if local is None:
            return sentences.state(row.enabled, row.valid_from, row.valid_until, utc_now())
        return sentences.state_at(row.enabled, row.valid_from, row.valid_until, local)

    return Listing(
        request,
        "exceptions",
        rows.prefetch_related("cpo_groups", "emsp_groups").order_by("name", "pk"),
        [
            Column(_("Exception"), str, link=_address),
            Column(
                _("State"),
                lambda row: sentences.STATES[state(row)],
                label=lambda row: sentences.STATE_COLOURS[state(row)],
            ),
            Column(_("Effect"), lambda row: effect_of(row, scope)),
        ],
        empty=empty,
        title=_("Exceptions"),
        search=lambda found, term: found.filter(name__icontains=term),
        search_label=_("Name of an exception"),
    )


def touching(members: Q) -> QuerySet[ChargeException]:
    """Exceptions with a group that has such a member."""
    groups = GroupMember.objects.filter(members).order_by().values("group")
    return ChargeException.objects.filter(
        Q(pk__in=ExceptionCpoGroup.objects.filter(group__in=groups).values("exception"))
        | Q(pk__in=ExceptionEmspGroup.objects.filter(group__in=groups).values("exception"))
    )


def effect_of(exception: ChargeException, scope: Scope) -> str:
    """The exception's sentence, as far as the user may see its groups."""
    return sentences.effect_cell(
        exception.action,
        exception.direction,
        shown_groups(scope, exception.cpo_groups.all()),
        shown_groups(scope, exception.emsp_groups.all()),
        exception.valid_from,
        exception.valid_until,
    )


def utc_now() -> datetime:
    """Now in UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def _naming_place(location: Location | None, cpo: CPO | None) -> Q:
    """Members that cover the place: a CPO above counts."""
    cpo_id = location.cpo_id if location is not None else cpo.pk if cpo is not None else None
    if cpo_id is None:
        return NOBODY
    above = Q(cpo__in=selectors.cpos_above({cpo_id})[cpo_id])
    return above | Q(location=location) if location is not None else above


def _naming_card(token: Token | None, driver: Driver | None, customer: Customer | None, emsp: EMSP | None) -> Q:
    """Members that cover the card, or all cards of a driver, a customer, an eMSP."""
    driver_id = token.driver_id if token is not None else driver.pk if driver is not None else None
    above = token or driver
    customer_id = above.customer_id if above is not None else customer.pk if customer is not None else None
    if token is not None:
        emsp_id = token.emsp_id
    else:
        party = driver.customer if driver is not None else customer
        emsp_id = party.emsp_id if party is not None else emsp.pk if emsp is not None else None
    pks = {"driver": driver_id, "customer": customer_id, "emsp": emsp_id}
    condition = NOBODY
    for column, pk in pks.items():
        condition |= Q(**{column: pk}) if pk is not None else NOBODY
    if token is not None:
        # A token with an Auth ID is named by that.
        condition |= Q(auth_id=token.auth_id_normal) if token.auth_id_normal else Q(token=token)
    return condition


def _clock(location: Location | None) -> datetime | None:
    """The wall clock at the location."""
    try:
        return local_time(datetime.now(UTC), zone_of(location.time_zone)) if location is not None else None
    except UnknownZone:
        return None


def _address(row: Any) -> str:
    return reverse("admin:authorization_chargeexception_change", args=(row.pk,))
