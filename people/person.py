"""Who is meant: a driver with all charge tokens, or one charge token; and by which ids the tables know them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import connection

from authorization.sealed import pseudonyms
from locations.ids import BadId
from tokens import ids
from tokens.models import Driver, Token

ERASED = "erased"  # what stands where an id or a name was


@dataclass
class Person:
    """driver, tokens: primary keys of what is there. former: of tokens that are gone, and are in the history alone.

    uids: (type, normal form). names: Auth IDs in normal form. Neither holds what a token of somebody else carries too:
    that is theirs, and stays. words: all of it as it is written somewhere, and the driver's external id.
    """

    driver: int | None
    emsp: int | None
    tokens: list[int]
    former: list[int] = field(default_factory=list)
    uids: set[tuple[str, str]] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    external_id: str | None = None

    @property
    def every_token(self) -> list[int]:
        return [*self.tokens, *self.former]

    @property
    def marks(self) -> list[str]:
        """The keyed hashes by which the log knows what was presented."""
        forms = {*self.names, *(uid for _, uid in self.uids)}
        return sorted({mark for form in forms for mark in pseudonyms(form)})

    def means(self, text: str) -> bool:
        """Whether a text is one of the ids, however it is written."""
        if text in self.words or text.strip().upper() in {uid for _, uid in self.uids}:
            return True
        name = _name(text)
        return name is not None and name in self.names


def person_of(obj: Driver | Token) -> Person:
    """By a few queries, two of which read the whole history of tokens and of names once."""
    person = Person(None, None, [])
    if isinstance(obj, Driver):
        person.driver, person.emsp, person.external_id = obj.pk, obj.customer.emsp_id, obj.external_id
        person.words |= {obj.external_id} if obj.external_id else set()
        person.tokens = list(obj.tokens.order_by("pk").values_list("pk", flat=True))
    else:
        person.emsp, person.tokens = obj.emsp_id, [obj.pk]
    events = _events(Token)
    if person.driver is not None:
        gone = events.filter(driver=person.driver, pgh_label="delete").values_list("pgh_obj_id", flat=True)
        person.former = sorted(set(gone) - set(Token.objects.filter(pk__in=list(gone)).values_list("pk", flat=True)))
    _learn(person, Token.objects.filter(pk__in=person.tokens))
    _learn(person, events.filter(pgh_obj_id__in=person.every_token))
    _leave_to_others(person)
    _find_gone(person)
    return person


def _events(model: Any) -> Any:
    return apps.get_model(model._meta.app_label, f"{model.__name__}Event")._default_manager.order_by()


def _learn(person: Person, rows: Any) -> None:
    for kind, uid, auth_id, number in rows.values_list("type", "uid", "auth_id", "visual_number").distinct():
        if ERASED in (uid, auth_id):
            continue
        person.words |= {word for word in (uid, auth_id, number) if word}
        if uid and (form := _uid(kind, uid)) is not None:
            person.uids.add((kind, form))
        if auth_id and (name := _name(auth_id)) is not None:
            person.names.add(name)


def _leave_to_others(person: Person) -> None:
    """What a token of somebody else carries is theirs. An external token with the Auth ID is the person's."""
    carriers = list(
        Token.objects.filter(auth_id_normal__in=person.names)
        .exclude(pk__in=person.tokens)
        .values_list("pk", "auth_id_normal", "auth_id", "external")
    )
    person.tokens += [pk for pk, _, _, external in carriers if external]
    theirs = {name for _, name, _, external in carriers if not external}
    person.names -= theirs
    cards = Token.objects.filter(uid_normal__in={uid for _, uid in person.uids}).exclude(pk__in=person.tokens)
    taken = set(cards.values_list("type", "uid_normal"))
    person.uids -= taken
    person.words = {word for word in person.words if not _is_among(word, theirs, taken)}


def _is_among(word: str, names: set[str], uids: set[tuple[str, str]]) -> bool:
    return _name(word) in names or any(_uid(kind, word) == uid for kind, uid in uids)


def _find_gone(person: Person) -> None:
    """Tokens that are gone and had the same ids: cards that were replaced, and external ones that were taken over."""
    named = "SELECT token_id FROM {} WHERE auth_id = ANY (%(names)s) AND token_id IS NOT NULL"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT pgh_obj_id FROM tokens_tokenevent WHERE auth_id = ANY (%(words)s) OR uid = ANY (%(words)s)
            UNION {named.format("authorization_groupmemberevent")}
            UNION {named.format("authorization_authorizationlistentryevent")}
            EXCEPT SELECT id FROM tokens_token
            """,  # noqa: S608 - names of tables are our own
            {"words": sorted(person.words - {person.external_id}), "names": sorted(person.names)},
        )
        person.former = sorted({*person.former, *(pk for (pk,) in cursor.fetchall())} - set(person.tokens))


def _uid(kind: str, value: str) -> str | None:
    try:
        return ids.uid(kind, value)
    except BadId:
        return None


def _name(value: str) -> str | None:
    try:
        return ids.auth_id(value)
    except BadId:
        return None


def spelled(words: Iterable[str]) -> list[str]:
    """Those long enough to be looked for in a text without finding half of it."""
    return sorted(word for word in words if len(word) >= 6)
