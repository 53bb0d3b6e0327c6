"""Random changes of whatever rows there are: object by object, in bulk and by SQL.

Each takes dice and returns whether there was anything for it to change. What the database refuses it raises.
"""

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q, QuerySet
from guardian.models import UserObjectPermission

from authorization.models import (
    ApiKey,
    AuthorizationListEntry,
    ChargeException,
    ExceptionCpoGroup,
    ExceptionEmspGroup,
    ExceptionGroup,
    GroupMember,
)
from authorization.services import create_key, revoke
from locations import access
from locations.models import CPO, EVSE, ChargeStation, Location
from tests import factories
from tests.refusals import at_commit, sql
from tokens.access import MANAGE_EMSP
from tokens.models import EMSP, Customer, Driver, Token

M = TypeVar("M", bound=Model)
T = TypeVar("T")
ZONES = ["UTC", "Europe/Amsterdam", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]
AUTH_IDS = ["NL-EMA-C00000001", "nlemaC00000001", "NL-EMA-C00000002", "DE-ABC-C00000003", None]
UIDS = ["04A1", "04A2", "04A3", "04A4"]


class Nothing(Exception):
    """There is no row that this change could change."""


class Dice(random.Random):
    """jump: the moment around which windows and expiries lie."""

    def __init__(self, seed: int, jump: datetime) -> None:
        super().__init__(seed)
        self.jump = jump

    def row(self, rows: type[M] | QuerySet[M]) -> M:
        """A random row. Raises Nothing."""
        found = list((rows._default_manager.all() if isinstance(rows, type) else rows).order_by("pk"))
        if not found:
            raise Nothing
        return self.choice(found)

    def some(self, model: type[M]) -> QuerySet[M]:
        """One row, or all of them, or those of some pks: as a queryset, for update() and delete()."""
        rows = model._default_manager.all()
        pks = [row.pk for row in rows.order_by("pk")]
        if not pks:
            raise Nothing
        return rows.filter(pk__in=self.choice([[self.choice(pks)], self.sample(pks, (len(pks) + 1) // 2), pks]))

    def flag(self) -> bool:
        return self.random() < 0.5

    def maybe(self, value: T) -> T | None:
        return value if self.flag() else None

    def instant(self) -> datetime:
        return self.jump + timedelta(minutes=15 * self.randint(-12, 12))

    def window(self) -> dict[str, datetime | None]:
        since, until = sorted(self.sample(range(-12, 12), 2))
        wall = self.jump.replace(tzinfo=None)
        return {
            "valid_from": self.maybe(wall + timedelta(minutes=15 * since)),
            "valid_until": self.maybe(wall + timedelta(minutes=15 * until)),
        }


# Groups and their members


MEMBERS: dict[str, type[Model]] = {
    "cpo": CPO, "location": Location, "emsp": EMSP, "customer": Customer, "driver": Driver, "token": Token,
}  # fmt: skip


def make_group(dice: Dice) -> None:
    factories.group(dice.choice(sorted(MEMBERS)))


def delete_group(dice: Dice) -> None:
    dice.row(ExceptionGroup.objects.filter(used_on_cpo_side=None, used_on_emsp_side=None)).delete()


def add_member(dice: Dice) -> None:
    group = dice.row(ExceptionGroup)
    member = {group.category: dice.row(MEMBERS[group.category])}
    GroupMember.objects.create(group=group, category=group.category, **member)


def take_member(dice: Dice) -> None:
    dice.row(GroupMember).delete()


def move_members(dice: Dice) -> None:
    member = dice.row(GroupMember)
    other = dice.row(ExceptionGroup.objects.filter(category=member.category).exclude(pk=member.group_id))
    GroupMember.objects.filter(pk=member.pk).update(group=other)


def exchange_member(dice: Dice) -> None:
    member = dice.row(GroupMember)
    other = dice.row(MEMBERS[member.category])
    sql(f"UPDATE authorization_groupmember SET {member.category}_id = %s WHERE id = %s", other.pk, member.pk)


# Exceptions


def make_exception(dice: Dice) -> None:
    sides = (["cpo", "location"], ["emsp", "customer", "driver", "token"])
    groups = [[dice.row(ExceptionGroup.objects.filter(category__in=side))] for side in sides]
    factories.exception(
        dice.choice(["whitelist", "blacklist"]), dice.choice(["emsp_for_cpo", "cpo_for_emsp"]), *groups, **dice.window()
    )


def delete_exceptions(dice: Dice) -> None:
    dice.some(ChargeException).delete()


def save_exception(dice: Dice) -> None:
    row = dice.row(ChargeException)
    row.valid_from, row.valid_until = dice.window().values()
    row.enabled, row.action = dice.flag(), dice.choice(["whitelist", "blacklist"])
    row.save()


def update_exceptions(dice: Dice) -> None:
    changes = [
        {"enabled": dice.flag()},
        {"action": dice.choice(["whitelist", "blacklist"])},
        {"direction": dice.choice(["emsp_for_cpo", "cpo_for_emsp"])},
        {"name": f"Called {dice.randint(0, 9)}"},
        dice.window(),
    ]
    dice.some(ChargeException).update(**dice.choice(changes))


def add_link(dice: Dice, side: str) -> None:
    link, categories = LINKS[side]
    rule = dice.row(ChargeException)
    used = link.objects.filter(exception=rule).values("group")
    link.objects.create(
        exception=rule, group=dice.row(ExceptionGroup.objects.filter(category__in=categories).exclude(pk__in=used))
    )


def take_link(dice: Dice, side: str) -> None:
    dice.row(LINKS[side][0]).delete()


def move_link(dice: Dice, side: str) -> None:
    """To another exception; it takes another one's place there."""
    link, _ = LINKS[side]
    link.objects.filter(pk=dice.row(link).pk).update(exception=dice.row(ChargeException))


def exchange_link(dice: Dice, side: str) -> None:
    link, categories = LINKS[side]
    row, group = dice.row(link), dice.row(ExceptionGroup.objects.filter(category__in=categories))
    sql(f"UPDATE {link._meta.db_table} SET group_id = %s WHERE id = %s", group.pk, row.pk)


LINKS: dict[str, tuple[Any, list[str]]] = {
    "cpo": (ExceptionCpoGroup, ["cpo", "location"]),
    "emsp": (ExceptionEmspGroup, ["emsp", "customer", "driver", "token"]),
}


# Authorization lists


def enlist(dice: Dice) -> None:
    place = dice.row(Location)
    if dice.flag():
        AuthorizationListEntry.objects.create(location=place, customer=dice.row(Customer))
    AuthorizationListEntry.objects.create(location=place, token=dice.row(Token))


def strike(dice: Dice) -> None:
    dice.row(AuthorizationListEntry).delete()


def clear_a_list(dice: Dice) -> None:
    place = dice.row(Location.objects.exclude(authorization_list=None).distinct())
    sql("DELETE FROM authorization_authorizationlistentry WHERE location_id = %s", place.pk)


def move_entries(dice: Dice) -> None:
    dice.some(AuthorizationListEntry).update(location=dice.row(Location))


def exchange_entry(dice: Dice) -> None:
    enlist(dice)
    entry = dice.row(AuthorizationListEntry)
    column, model = ("customer_id", Customer) if entry.customer_id else ("token_id", Token)
    changed = AuthorizationListEntry.objects.filter(pk=entry.pk)
    changed.update(**{column: dice.row(model).pk})  # type: ignore[type-var]


# Tokens and their holders


def make_token(dice: Dice) -> None:
    holder = dice.choice([{"emsp": EMSP}, {"customer": Customer}, {"driver": Driver}])
    (name, model), *_ = holder.items()
    factories.token(**{name: dice.row(model)}, uid=dice.choice(UIDS), auth_id=dice.choice(AUTH_IDS))  # type: ignore[type-var]


def make_external(dice: Dice) -> None:
    # It may be gone at once, where somebody carries that Auth ID.
    Token.objects.create(auth_id=dice.choice([auth_id for auth_id in AUTH_IDS if auth_id]), external=True, type="OTHER")


def delete_token(dice: Dice) -> None:
    dice.row(Token).delete()


def update_tokens(dice: Dice) -> None:
    changes = [
        {"valid": dice.flag()},
        {"valid": True},
        {"expires_at": dice.instant()},
        {"issuer": f"Issuer {dice.randint(0, 9)}"},
    ]
    dice.some(Token).update(**dice.choice(changes))


def rename_token(dice: Dice) -> None:
    """Another Auth ID, or none; what names the token goes on naming what it named."""
    row = dice.row(Token)
    row.auth_id = dice.choice(AUTH_IDS)
    if row.type == "EMAID":
        row.uid = row.auth_id
    row.save()


def exchange_auth_ids(dice: Dice) -> None:
    """Two tokens carry each other's, in one statement."""
    one, two = dice.row(Token.objects.exclude(uid=None)), dice.row(Token.objects.exclude(uid=None))
    sql(
        "UPDATE tokens_token SET auth_id = CASE id WHEN %s THEN %s::text ELSE %s::text END WHERE id IN (%s, %s)",
        one.pk, two.auth_id, one.auth_id, one.pk, two.pk,
    )  # fmt: skip


def other_uid(dice: Dice) -> None:
    row = dice.row(Token.objects.filter(external=False))
    Token.objects.filter(pk=row.pk).update(uid=dice.choice([*UIDS, None]))


def other_type(dice: Dice) -> None:
    row = dice.row(Token.objects.filter(external=False))
    kind = dice.choice(["RFID", "MAC_ADDRESS", "KEY_CODE", "APP_USER", "EMAID"])
    Token.objects.filter(pk=row.pk).update(type=kind, **({"uid": row.auth_id} if kind == "EMAID" else {}))


def other_holder(dice: Dice) -> None:
    row, driver = dice.row(Token.objects.filter(external=False)), dice.row(Driver)
    holders = [
        {"driver": driver, "customer": driver.customer, "emsp": driver.customer.emsp},
        {"driver": None, "customer": driver.customer, "emsp": driver.customer.emsp},
        {"driver": None, "customer": None, "emsp": dice.row(EMSP)},
    ]
    Token.objects.filter(pk=row.pk).update(**dice.choice(holders))


def move_driver(dice: Dice) -> None:
    """To another customer, with its tokens."""
    driver, customer = dice.row(Driver), dice.row(Customer)
    tokens = list(driver.tokens.values_list("pk", flat=True))
    Token.objects.filter(pk__in=tokens).update(driver=None)
    Driver.objects.filter(pk=driver.pk).update(customer=customer)
    Token.objects.filter(pk__in=tokens).update(driver=driver, customer=customer, emsp=customer.emsp)


def move_customer(dice: Dice) -> None:
    customer, emsp = dice.row(Customer), dice.row(EMSP)
    tokens = list(customer.tokens.values_list("pk", "driver"))
    Token.objects.filter(pk__in=[pk for pk, _ in tokens]).update(driver=None, customer=None, emsp=emsp)
    Customer.objects.filter(pk=customer.pk).update(emsp=emsp)
    for pk, driver in tokens:
        Token.objects.filter(pk=pk).update(customer=customer, driver=driver)


def block(dice: Dice) -> None:
    dice.some(dice.choice([EMSP, Customer, Driver])).update(blocked=dice.flag() and dice.flag())  # type: ignore[type-var]


def delete_holder(dice: Dice) -> None:
    factories.customer(dice.row(EMSP))
    dice.row(
        dice.choice([Driver.objects.filter(tokens=None), Customer.objects.filter(tokens=None, drivers=None)])
    ).delete()


def make_holders(dice: Dice) -> None:
    factories.driver(dice.choice([factories.customer(), factories.customer(dice.row(EMSP)), dice.row(Customer)]))


# Places


def make_cpo(dice: Dice) -> None:
    factories.cpo(parent=dice.maybe(dice.row(CPO)), time_zone=dice.choice(ZONES))


def move_cpo(dice: Dice) -> None:
    parent = dice.choice([None, dice.row(CPO)])
    CPO.objects.filter(pk=dice.row(CPO).pk).update(parent=parent)


def rename_cpo(dice: Dice) -> None:
    CPO.objects.filter(pk=dice.row(CPO).pk).update(party_id=f"Q{dice.randint(10, 99)}", name="Renamed")


def delete_cpo(dice: Dice) -> None:
    row = dice.row(CPO.objects.filter(locations=None, children=None))
    row.delete()


def make_place(dice: Dice) -> None:
    place = factories.location(dice.row(CPO), published=dice.flag(), time_zone=dice.choice(ZONES))
    factories.evse(place, station=dice.maybe(factories.station(place, authorization_required=dice.flag())))


def update_places(dice: Dice) -> None:
    changes = [
        {"cpo": dice.row(CPO)},
        {"time_zone": dice.choice(ZONES)},
        {"published": False},
        {"city": "Deventer"},
    ]
    dice.some(Location).update(**dice.choice(changes))


def publish(dice: Dice) -> None:
    Location.objects.filter(pk=dice.row(Location.objects.filter(authorization_list=None)).pk).update(published=True)


def other_location_id(dice: Dice) -> None:
    """Also one that another CPO's location has."""
    row = dice.row(Location)
    row.location_id = dice.choice([f"other{row.pk}", "same"])
    row.save()


def delete_place(dice: Dice) -> None:
    row = dice.row(Location)
    row.evses.update(station=None)
    row.stations.all().delete()
    row.delete()


def update_stations(dice: Dice) -> None:
    changes = [{"authorization_required": dice.flag()}, {"authorization_required": True}, {"smart_button": dice.flag()}]
    dice.some(ChargeStation).update(**dice.choice(changes))


def rename_station(dice: Dice) -> None:
    row = dice.row(ChargeStation)
    row.identity = dice.choice([row.identity.swapcase(), f"named {dice.randint(0, 3)}"])
    row.save()


def move_station(dice: Dice) -> None:
    """To another location, with its EVSEs or without."""
    row, place = dice.row(ChargeStation), dice.row(Location)
    evses = list(row.evses.values_list("pk", flat=True))
    EVSE.objects.filter(pk__in=evses).update(station=None)
    ChargeStation.objects.filter(pk=row.pk).update(location=place)
    if dice.flag():
        for evse in evses:
            EVSE.objects.filter(pk=evse).update(location=place, station=row, uid=f"moved {evse}")


def delete_station(dice: Dice) -> None:
    dice.row(ChargeStation).delete()


def move_evse(dice: Dice) -> None:
    row, place = dice.row(EVSE), dice.row(Location)
    station = place.stations.order_by("pk").first() if dice.flag() else None
    EVSE.objects.filter(pk=row.pk).update(location=place, station=station, uid=f"moved {row.pk}")


def rename_evse(dice: Dice) -> None:
    row = dice.row(EVSE)
    EVSE.objects.filter(pk=row.pk).update(evse_id=dice.choice([f"NL*XXX*E{dice.randint(0, 3)}", None]))


def delete_evses(dice: Dice) -> None:
    dice.row(EVSE).delete()


# Keys, users and grants


def make_key(dice: Dice) -> None:
    scope = dice.choice(["station", "cpo", "user"])
    model: Any = {"station": ChargeStation, "cpo": CPO, "user": User}[scope]
    create_key(**{scope: dice.row(model)}, expires_at=dice.maybe(dice.instant()))


def revoke_key(dice: Dice) -> None:
    revoke(dice.row(ApiKey))


def update_keys(dice: Dice) -> None:
    changes = [
        {"expires_at": dice.maybe(dice.instant())},
        {"revoked_at": dice.maybe(dice.instant())},
        {"user": None, "station": None, "cpo": dice.row(CPO)},
        {"last_used_at": dice.instant()},
    ]
    dice.some(ApiKey).update(**dice.choice(changes))


def delete_keys(dice: Dice) -> None:
    dice.some(ApiKey).delete()


def make_user(dice: Dice) -> None:
    number = User.objects.count()
    User.objects.create_user(f"user{number}", is_superuser=dice.random() < 0.2)


def update_users(dice: Dice) -> None:
    changes = [{"is_active": dice.flag()}, {"is_superuser": dice.flag()}, {"is_active": True}, {"email": "a@b.example"}]
    dice.some(User).update(**dice.choice(changes))


def delete_user(dice: Dice) -> None:
    dice.row(User).delete()


def grant(dice: Dice) -> None:
    user = dice.row(User)
    if dice.flag():
        access.grant(user, access.MANAGE_CPO, dice.row(CPO))
    else:
        access.grant(user, MANAGE_EMSP, dice.row(EMSP))


def take_grants(dice: Dice) -> None:
    rows: Any = access.grants((access.MANAGE_CPO, CPO), (MANAGE_EMSP, EMSP))
    dice.row(rows).delete()


def forget_party(dice: Dice) -> None:
    party = dice.row(dice.choice([CPO, EMSP]))  # type: ignore[type-var]
    kind = ContentType.objects.get_for_model(type(party))
    UserObjectPermission.objects.filter(content_type=kind, object_pk=str(party.pk)).delete()


# Whole tables


TABLES = [
    "authorization_groupmember", "authorization_authorizationlistentry", "authorization_chargeexception",
    "authorization_apikey", "guardian_userobjectpermission", "locations_evse", "tokens_token",
]  # fmt: skip


def truncate(dice: Dice) -> None:
    at_commit()  # a table with checks that wait cannot be emptied so
    sql(f"TRUNCATE {dice.choice(TABLES)} CASCADE")


def update_nothing(dice: Dice) -> None:
    Token.objects.filter(pk=-1).update(valid=False)


def update_everything(dice: Dice) -> None:
    Token.objects.filter(Q(valid=False) | Q(expires_at__isnull=False)).update(valid=True, expires_at=None)


Change = Callable[[Dice], None]
_links: Sequence[Any] = (add_link, take_link, move_link, exchange_link)
# Each as often as any other.
CHANGES: dict[str, Change] = {
    change.__name__: change
    for change in (
        make_group, delete_group, add_member, take_member, move_members, exchange_member,
        make_exception, delete_exceptions, save_exception, update_exceptions,
        enlist, strike, clear_a_list, move_entries, exchange_entry,
        make_token, make_external, delete_token, update_tokens, rename_token, exchange_auth_ids, other_uid, other_type,
        other_holder, move_driver, move_customer, block, delete_holder, make_holders,
        make_cpo, move_cpo, rename_cpo, delete_cpo, make_place, update_places, publish, other_location_id, delete_place,
        update_stations, rename_station, move_station, delete_station, move_evse, rename_evse, delete_evses,
        make_key, revoke_key, update_keys, delete_keys, make_user, update_users, delete_user, grant, take_grants,
        forget_party, update_nothing, update_everything, truncate,
    )
} | {f"{link.__name__} {side}": partial(link, side=side) for link in _links for side in LINKS}  # fmt: skip
