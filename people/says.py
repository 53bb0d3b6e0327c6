"""What an erasure does, in sentences, before it is done."""

from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from authorization.models import AuthorizationListEntry, ChargeException, ExceptionGroup, GroupMember
from chargers.models import AuthorizationInUse
from people.person import Person, spelled
from tokens.models import Driver, Token

SHOWN = 10


def lines(obj: Driver | Token, person: Person) -> list[str]:
    """For who is about to erase: what goes, what stays, and what nothing here can do."""
    number = len(person.tokens)
    cards = ngettext("%(number)s charge token", "%(number)s charge tokens", number) % {"number": f"{number:,}"}
    whose = (
        _("The driver %(driver)s and %(cards)s are deleted.") if isinstance(obj, Driver) else _("Deleted: %(cards)s.")
    )
    said = [
        whose % {"driver": obj, "cards": cards},
        _("The cards are refused everywhere as unknown, also where anybody had let them in by name."),
    ]
    said += _lists(person) + _uses(person)
    said += [
        _(
            "The authorization log keeps outcome, reason, place and time, and not which card it was. The history keeps "
            "that something was changed, when and by whom, and not the names and ids. Sessions and CDRs of partners "
            "stay for the accounts, without whose they were."
        ),
        _("Imported files that name this person are deleted; one that nobody has finalised is cancelled."),
        _(
            "If one of these cards comes again, in a file or by hand, it is a new card: nothing here remembers that it "
            "was erased, nor that it was blocked. Take it out of the lists that your files are made of first."
        ),
        _("Backups keep it until they are replaced, and partners and charge stations what they have been told."),
    ]
    return [*said, *_mentions(obj, person), _("This cannot be undone.")]


def _lists(person: Person) -> list[str]:
    listed = AuthorizationListEntry.objects.filter(
        Q(auth_id__in=person.names) | Q(token__in=person.tokens, auth_id=None)
    )
    about = Q(auth_id__in=person.names) | Q(token__in=person.tokens, auth_id=None)
    if person.driver is not None:
        about |= Q(driver=person.driver)
    numbers = listed.count(), GroupMember.objects.filter(about).count()
    if not any(numbers):
        return []
    text = _(
        "Removed from authorization lists: %(entries)s; from exception groups: %(members)s. A list that runs empty "
        "does not open its location."
    )
    return [text % {"entries": f"{numbers[0]:,}", "members": f"{numbers[1]:,}"}]


def _uses(person: Person) -> list[str]:
    number = AuthorizationInUse.objects.filter(token__in=person.tokens, ended_at=None).count()
    if not number:
        return []
    text = ngettext(
        "%(number)s authorization in use is taken away, and its station is told.",
        "%(number)s authorizations in use are taken away, and their stations are told.",
        number,
    )
    return [text % {"number": number}]


def _mentions(obj: Any, person: Person) -> list[str]:
    """Names and notes that people wrote are theirs to correct."""
    words = spelled({*person.words, *([obj.name] if isinstance(obj, Driver) else [])})[:20]
    if not words:
        return []
    about = Q.create([(f"{field}__icontains", word) for word in words for field in ("name", "notes")], connector=Q.OR)
    found = [
        str(row) for model in (ExceptionGroup, ChargeException) for row in model._default_manager.filter(about)[:SHOWN]
    ]
    if not found:
        return []
    names = ", ".join(found[:SHOWN])
    return [_("Somebody wrote a name or an id into these: correct them by hand. %(names)s") % {"names": names}]
