"""Erases a person: in one transaction all that can go at once, and in `finish` what others have yet to hear first.

Chargers and partners are told before their notes of it go: a card that they went on to accept would be worse.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pghistory
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from authorization.models import AuthorizationListEntry, GroupMember
from chargers.models import AuthorizationInUse, Command, Ended, StationMessage
from chargers.services import uses
from imports import services as imports
from imports import staging
from imports.models import Import, ListChange, Status
from people.models import Erasure
from people.person import ERASED, Person, person_of
from subscriptions.models import Delivery, PushEndpoint, Relayed
from tokens.models import Driver, Token

BATCH = 500
# Columns of the staged rows of an import, and what of a person may stand there.
_STAGED: dict[str, Callable[[Person], list[str]]] = {
    "uid_normal": lambda person: sorted(uid for _kind, uid in person.uids),
    "auth_normal": lambda person: sorted(person.names),
    "driver_external_id": lambda person: [person.external_id] if person.external_id else [],
    "external_id": lambda person: [person.external_id] if person.external_id else [],
}
Counts = dict[str, int]


class Busy(ValidationError):
    """Something else has to come to its end first."""


def run(sql: str, parameters: Any = None) -> int:
    """One statement; how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def erase(obj: Driver | Token, by: User | None, now: datetime) -> Erasure:
    """All or nothing. by: None for who has the server. Raises Busy, and the database's errors."""
    with transaction.atomic():
        _lock(obj)
        person = person_of(obj)
        _lock_tokens(person)
        record = Erasure.objects.create(
            kind=Erasure.Kind.DRIVER if person.driver is not None else Erasure.Kind.TOKEN,
            emsp_id=person.emsp,
            by=by,
            by_name=by.get_username() if by is not None else "manage.py",
            at=now,
        )
        with pghistory.context(source="erasure", erasure=record.pk, user=by.pk if by is not None else None):
            counts, pending = _erase(person, now)
        record.counts, record.pending = {table: number for table, number in counts.items() if number}, pending
        record.save(update_fields=["counts", "pending"])
    return record


def _lock(obj: Driver | Token) -> None:
    """Imports of tokens into the same eMSP wait, and so does who names or changes the object."""
    emsp = obj.customer.emsp_id if isinstance(obj, Driver) else obj.emsp_id
    run("SELECT pg_advisory_xact_lock(hashtext('imports.tokens'), %s::int)", [emsp or 0])
    type(obj)._default_manager.select_for_update().get(pk=obj.pk)
    under_way = Q(status__in=[Status.STAGING, Status.FINALISING])
    if Import.objects.filter(under_way, Q(emsp=emsp) | Q(emsp=None)).exclude(kind="locations").exists():
        raise Busy(_("An import that may name this person is being worked on: wait for its end, or cancel it."))


def _lock_tokens(person: Person) -> None:
    list(Token.objects.filter(pk__in=person.tokens).select_for_update().order_by("pk").values_list("pk"))


def _erase(person: Person, now: datetime) -> tuple[Counts, dict[str, Any]]:
    counts: Counts = {}
    used = _end_uses(person, counts, now)
    _take_off_lists(person, counts)
    counts["tokens_token"] = Token.objects.filter(pk__in=person.tokens).delete()[0]
    if person.driver is not None:
        counts["tokens_driver"] = Driver.objects.filter(pk=person.driver).delete()[0]
    _pseudonymise_history(person, counts)
    counts["authorization_decision"] = disconnect(person.every_token, person.marks, now)
    _forget_uses(person, used, counts)
    _forget_imports(person, counts)
    _pseudonymise_relayed(person, counts)
    _forget_offline_lists(person, counts)
    _forget_log_entries(person, counts)
    pending = {
        "tokens": person.every_token,
        "marks": person.marks,
        "uses": used,
        "keys": _changed_keys(person),
        "copies": True,
    }
    return counts, pending


def _end_uses(person: Person, counts: Counts, now: datetime) -> list[int]:
    """What is in use is taken away, and the stations are told; all that ever was in use."""
    keys = [f"t{pk}" for pk in person.every_token]
    about = Q(token__in=person.every_token) | Q(token_pseudonym__in=person.marks) | Q(token_key__in=keys)
    found = list(AuthorizationInUse.objects.filter(about).order_by("pk").values_list("pk", "ended_at"))
    going_on = [pk for pk, ended in found if ended is None]
    uses.end(going_on, Ended.RESTRICTION, now, reasons=dict.fromkeys(going_on, "TOKEN_BLOCKED"))
    return [pk for pk, _ended in found]


def _take_off_lists(person: Person, counts: Counts) -> None:
    """A name that a token of somebody else carries too stays, and passes on to that one."""
    nameless = Q(token__in=person.tokens, auth_id=None)
    entries = AuthorizationListEntry.objects.filter(Q(auth_id__in=person.names) | nameless)
    counts["authorization_authorizationlistentry"] = entries.delete()[0]
    members = Q(auth_id__in=person.names) | nameless
    if person.driver is not None:
        members |= Q(driver=person.driver)
    counts["authorization_groupmember"] = GroupMember.objects.filter(members).delete()[0]


def _pseudonymise_history(person: Person, counts: Counts) -> None:
    """The rows stay: that something was made, changed and deleted, and when, and by whom."""
    counts["tokens_tokenevent"] = run(
        """
        UPDATE tokens_tokenevent SET uid = CASE WHEN uid IS NOT NULL THEN %(erased)s END,
            auth_id = CASE WHEN auth_id IS NOT NULL THEN %(erased)s END, visual_number = ''
        WHERE pgh_obj_id = ANY (%(tokens)s)
        """,
        {"erased": ERASED, "tokens": person.every_token},
    )
    if person.driver is not None:
        counts["tokens_driverevent"] = run(
            """
            UPDATE tokens_driverevent
            SET name = %(erased)s, external_id = CASE WHEN external_id IS NOT NULL THEN %(erased)s END
            WHERE pgh_obj_id = %(driver)s
            """,
            {"erased": ERASED, "driver": person.driver},
        )
    for table in ("authorization_groupmemberevent", "authorization_authorizationlistentryevent"):
        counts[table] = run(
            f"""
            UPDATE {table} SET auth_id = %(erased)s,
                auth_id_entered = CASE WHEN auth_id_entered IS NOT NULL THEN %(erased)s END
            WHERE auth_id = ANY (%(names)s)
            """,  # noqa: S608 - our own names
            {"erased": ERASED, "names": sorted(person.names)},
        )


def disconnect(tokens: list[int], marks: list[str], until: datetime) -> int:
    """Rows of the log keep outcome, reason, place and time; which card it was and who asked for it by which id, not.

    Each of the two statements goes by an index of its own. until: what was decided later is a new matter.
    """
    set_ = "SET token_id = NULL, token_pseudonym = '', presented_sealed = '', request_id = ''"
    parameters = {"tokens": tokens, "marks": marks, "until": until}
    done = run(
        f"UPDATE authorization_decision {set_} WHERE token_id = ANY (%(tokens)s) AND decided_at <= %(until)s",
        parameters,
    )
    return done + run(
        f"UPDATE authorization_decision {set_}"
        " WHERE token_pseudonym = ANY (%(marks)s) AND token_id IS NULL AND decided_at <= %(until)s",
        parameters,
    )


def _forget_uses(person: Person, used: list[int], counts: Counts) -> None:
    rows = AuthorizationInUse.objects.filter(pk__in=used)
    counts["chargers_authorizationinuse"] = rows.update(
        token=None, token_key=ERASED, token_pseudonym="", presented="", message_id=""
    )
    commands = Command.objects.filter(Q(use__in=used) | Q(token__in=person.every_token))
    counts["chargers_command"] = commands.exclude(token=None).update(token=None)
    forget_told(used)
    # OCPP 1.6 names a transaction by its card, too. Whoever tells the station to end one needs it until then.
    to_tell = StationMessage.objects.filter(use__in=used, delivered_at=None).values("use")
    rows.exclude(pk__in=to_tell).update(reference=None)


def forget_told(used: list[int]) -> int:
    """Messages that have been delivered lose the id in them; how many."""
    return run(
        """
        UPDATE chargers_stationmessage m SET body = body #- '{data,id_token}'
        WHERE (use_id = ANY (%(used)s)
               OR command_id IN (SELECT id FROM chargers_command WHERE use_id = ANY (%(used)s)))
            AND delivered_at IS NOT NULL AND body #> '{data,id_token}' IS NOT NULL
        """,
        {"used": used},
    )


def _forget_imports(person: Person, counts: Counts) -> None:
    """Files that name the person go as a whole, and one that nobody finalised is cancelled with it."""
    counts["imports_import"] = 0
    with_file = Import.objects.exclude(kind="locations").filter(Q(parts__isnull=False)).distinct()
    for of in with_file.filter(Q(emsp=person.emsp) | Q(emsp=None)):
        if names_person(of, person):
            imports.expire(of)
            counts["imports_import"] += 1
    changes = ListChange.objects.filter(Q(auth_id__in=person.names) | Q(token__in=person.every_token))
    counts["imports_listchange"] = changes.delete()[0]


def names_person(of: Import, person: Person) -> bool:
    """By its staged rows. One whose rows are lost may name anybody."""
    table = staging.Tables.of(of).rows
    there = staging.ask("SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0", [table])
    if not there:
        return True
    columns = [name for (name,) in there if name in _STAGED]
    if not columns:
        return False
    condition = " OR ".join(f"{name} = ANY (%({name})s)" for name in columns)
    values = {name: _STAGED[name](person) for name in columns}
    return bool(staging.ask(f"SELECT EXISTS (SELECT FROM {table} WHERE {condition})", values)[0][0])  # noqa: S608


def _pseudonymise_relayed(person: Person, counts: Counts) -> None:
    """Sessions and CDRs stay with place, energy, time and cost, of which accounts are made; whose they were, not."""
    counts["subscriptions_relayed"] = counts["subscriptions_delivery"] = 0
    last = 0
    rows = Relayed.objects.filter(auth_id__in=person.names).order_by("pk").select_for_update()
    while some := list(rows.filter(pk__gt=last)[:BATCH]):
        last = some[-1].pk
        for row in some:
            row.auth_id, row.body = None, _without(row.body, person)
        Relayed.objects.bulk_update(some, ["auth_id", "body"])
        counts["subscriptions_relayed"] += len(some)
        counts["subscriptions_delivery"] += _pseudonymise_sent([row.pk for row in some], person)


def _pseudonymise_sent(relayed: list[int], person: Person) -> int:
    endpoints = PushEndpoint.objects.filter(module__in=["sessions", "cdrs"]).values("pk")
    sent = list(Delivery.objects.filter(endpoint__in=endpoints, object_id__in=relayed).exclude(sent__isnull=True))
    for row in sent:
        row.sent = _without(row.sent, person)
    Delivery.objects.bulk_update(sent, ["sent"], batch_size=BATCH)
    return len(sent)


def _without(value: Any, person: Person) -> Any:
    if isinstance(value, dict):
        return {name: _without(part, person) for name, part in value.items()}
    if isinstance(value, list):
        return [_without(part, person) for part in value]
    return ERASED if isinstance(value, str) and person.means(value) else value


def _forget_offline_lists(person: Person, counts: Counts) -> None:
    """Old versions go; the newest becomes another version without the person, so that the station gets a whole list."""
    parameters = {"keys": [f"{kind}:{uid}" for kind, uid in sorted(person.uids)]}
    counts["chargers_locallist"] = run(
        """
        DELETE FROM chargers_locallist l WHERE entries ?| %(keys)s
            AND EXISTS (SELECT FROM chargers_locallist n WHERE n.station_id = l.station_id AND n.version > l.version)
        """,
        parameters,
    ) + run(
        "UPDATE chargers_locallist SET entries = entries - %(keys)s::text[], version = version + 1"
        " WHERE entries ?| %(keys)s",
        parameters,
    )


def _forget_log_entries(person: Person, counts: Counts) -> None:
    """Django's own log of what was done in the portal names the object."""
    about = Q(content_type=ContentType.objects.get_for_model(Token), object_id__in=map(str, person.every_token))
    if person.driver is not None:
        about |= Q(content_type=ContentType.objects.get_for_model(Driver), object_id=str(person.driver))
    counts["django_admin_log"] = LogEntry.objects.filter(about).update(object_repr=ERASED)


def _changed_keys(person: Person) -> list[int]:
    """Notices to the nodes that name the person. They have to follow them first."""
    keys = [f"{kind}:{uid}" for kind, uid in sorted(person.uids)] + sorted(person.names)
    kinds = "'uid', 'auth_id', 'name', 'list_auth_id'"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT id FROM authorization_changedkeys WHERE kind IN ({kinds}) AND (keys && %(keys)s
                OR kind = 'list_auth_id' AND EXISTS (
                    SELECT FROM unnest(keys) AS k WHERE substr(k, strpos(k, ':') + 2) = ANY (%(keys)s)))
            ORDER BY id
            """,  # noqa: S608 - our own words
            {"keys": keys},
        )
        return [pk for (pk,) in cursor.fetchall()]
