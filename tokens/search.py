"""Finding a token by what somebody types or scans: an id however it is written, whole or from its beginning."""

from typing import Any

from django.db.models import Q

from locations.ids import BadId
from tokens import ids


def normal_forms(term: str) -> set[str]:
    """What was typed, in the normal forms of a Chip ID and of an Auth ID; empty where it can be neither."""
    forms = set()
    for normal in (ids.auth_id, lambda value: ids.uid("RFID", value), lambda value: ids.uid("OTHER", value)):
        try:
            forms.add(normal(term))
        except BadId:
            continue
    return forms


def exactly(term: str) -> Q:
    """Tokens that have this id."""
    forms = normal_forms(term)
    return Q(uid_normal__in=forms) | Q(auth_id_normal__in=forms)


def begins(term: str) -> Q:
    """Tokens with an id that begins so: an index holds each of the two."""
    condition = Q(pk__in=())
    for form in normal_forms(term):
        condition |= Q(uid_normal__startswith=form) | Q(auth_id_normal__startswith=form)
    return condition


def find(tokens: Any, term: str) -> Any:
    """Those of the tokens with an id that is or begins so; only where none does, those with this printed number."""
    # The whole id first: that is one look into each index, whatever the database's collation.
    for match in (exactly, begins):
        named = tokens.filter(match(term))
        if named.exists():
            return named
    return tokens.filter(visual_number=term)
