"""Small builders of rows, for tests that need a world of their own. Numbers make the ids; nothing here is random."""

from itertools import count
from typing import Any

from django.contrib.auth.models import Group, User

from authorization.models import (
    AuthorizationListEntry,
    ChargeException,
    ExceptionCpoGroup,
    ExceptionEmspGroup,
    ExceptionGroup,
    GroupMember,
)
from locations.access import MANAGE_CPO, grant
from locations.models import CPO, EVSE, ChargeStation, Location
from subscriptions.models import Module, Subscription
from tokens.access import MANAGE_EMSP
from tokens.models import EMSP, Customer, DirectoryGrant, Driver, Token

_numbers = count(1)


def _party(number: int) -> str:
    return f"{number:03X}"[-3:]


def cpo(**fields: Any) -> CPO:
    number = next(_numbers)
    return CPO.objects.create(
        **{"country_code": "NL", "party_id": _party(number), "name": f"CPO {number}", "time_zone": "Europe/Amsterdam"}
        | fields
    )


def location(cpo_: CPO | None = None, **fields: Any) -> Location:
    number = next(_numbers)
    return Location.objects.create(
        **{"cpo": cpo_ or cpo(), "location_id": f"LOC{number}", "name": f"Location {number}"} | fields
    )


def station(location_: Location | None = None, **fields: Any) -> ChargeStation:
    return ChargeStation.objects.create(
        **{"location": location_ or location(), "identity": f"CS-{next(_numbers)}"} | fields
    )


def evse(location_: Location | None = None, **fields: Any) -> EVSE:
    number = next(_numbers)
    place = location_ or location()
    code = f"{place.cpo.country_code}*{place.cpo.party_id}*E{number}"
    return EVSE.objects.create(**{"location": place, "uid": f"{number}", "evse_id": code} | fields)


def emsp(**fields: Any) -> EMSP:
    number = next(_numbers)
    return EMSP.objects.create(**{"country_code": "DE", "party_id": _party(number), "name": f"eMSP {number}"} | fields)


def customer(emsp_: EMSP | None = None, **fields: Any) -> Customer:
    return Customer.objects.create(**{"emsp": emsp_ or emsp(), "name": f"Customer {next(_numbers)}"} | fields)


def driver(customer_: Customer | None = None, **fields: Any) -> Driver:
    return Driver.objects.create(**{"customer": customer_ or customer(), "name": f"Driver {next(_numbers)}"} | fields)


def token(emsp_: EMSP | None = None, **fields: Any) -> Token:
    number = next(_numbers)
    defaults = {"uid": f"04{number:012X}"} if "uid" not in fields and "auth_id" not in fields else {}
    row = Token(**defaults | fields)
    if row.emsp_id is None and row.customer_id is None and row.driver_id is None and not row.external:
        row.emsp = emsp_ or emsp()
    row.complete()
    row.save()
    row.refresh_from_db()
    return row


def external(auth_id: str) -> Token:
    return token(auth_id=auth_id, external=True, type="OTHER")


def group(category: str, *members: Any, **fields: Any) -> ExceptionGroup:
    row = ExceptionGroup.objects.create(**{"name": f"Group {next(_numbers)}", "category": category} | fields)
    for member in members:
        GroupMember.objects.create(group=row, category=category, **{category: member})
    return row


def exception(
    action: str, direction: str, cpo_groups: list[ExceptionGroup], emsp_groups: list[ExceptionGroup], **fields: Any
) -> ChargeException:
    row = ChargeException.objects.create(
        **{"name": f"Exception {next(_numbers)}", "action": action, "direction": direction} | fields
    )
    for item in cpo_groups:
        ExceptionCpoGroup.objects.create(exception=row, group=item)
    for item in emsp_groups:
        ExceptionEmspGroup.objects.create(exception=row, group=item)
    return row


def listed(location_: Location, **named: Any) -> AuthorizationListEntry:
    entry = AuthorizationListEntry.objects.create(location=location_, **named)
    location_.refresh_from_db()
    return entry


def directory(emsp_: EMSP | None = None, cpo_: CPO | None = None) -> DirectoryGrant:
    return DirectoryGrant.objects.create(emsp=emsp_ or emsp(), cpo=cpo_ or cpo())


def subscription(*parties: CPO | EMSP, **fields: Any) -> Subscription:
    """A partner platform, an eMSP's if nothing is said, with these parties in scope and every module."""
    number = next(_numbers)
    values = {"country_code": "BE", "party_id": _party(number), "name": f"Partner {number}", "role": "EMSP"}
    row = Subscription.objects.create(**values | {"modules": list(Module)} | fields)
    row.cpos.set([party for party in parties if isinstance(party, CPO)])
    row.emsps.set([party for party in parties if isinstance(party, EMSP)])
    return row


def manager(*parties: CPO | EMSP, **fields: Any) -> User:
    """A portal user who was granted these parties, with the role or roles that go with them."""
    user = User.objects.create_user(
        **{"username": f"manager{next(_numbers)}", "password": "manager-of-tests", "is_staff": True} | fields
    )
    for party in parties:
        of_cpo = isinstance(party, CPO)
        grant(user, MANAGE_CPO if of_cpo else MANAGE_EMSP, party)
        user.groups.add(Group.objects.get(name="CPO manager" if of_cpo else "eMSP manager"))
    return user


def admin(**fields: Any) -> User:
    return User.objects.create_superuser(
        **{"username": f"admin{next(_numbers)}", "password": "admin-of-tests"} | fields
    )
