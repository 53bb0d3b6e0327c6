"""Members of a group given as text, one id a line: what each line means, and what is wrong where it means nothing."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from authorization.models import ExceptionGroup
from authorization.services.groups import candidates
from locations.access import Scope
from locations.ids import BadId
from locations.ids import party as party_code
from tokens import ids
from tokens.models import EMSP
from tokens.search import normal_forms
from tokens.services import MAX_AUTH_ID, named_by_party

MOST = 10_000


class Problem(NamedTuple):
    """line: its number, from 1."""

    line: int
    text: str
    why: str


@dataclass
class Understood:
    """Each line is one of these. ids: of the group's category. auth_ids: of charge tokens. problems: no member."""

    ids: list[int] = field(default_factory=list)
    auth_ids: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def known(self) -> int:
        return len(self.ids) + len(self.auth_ids)

    @property
    def left(self) -> str:
        """The lines that mean no member, to be put right."""
        return "\n".join(problem.text for problem in self.problems)


def understand(text: str, group: ExceptionGroup, scope: Scope) -> Understood:
    """Empty lines mean nothing, and an id that comes twice is one. A few queries, for however many lines."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) > MOST:
        why = _("More than %(most)s lines at once: import a CSV file instead.") % {"most": f"{MOST:,}"}
        return Understood(problems=[Problem(lines[MOST][0], lines[MOST][1], why)])
    read: Callable[..., Understood] = {
        "token": _auth_ids,
        "cpo": _parties,
        "emsp": _parties,
        "location": _locations,
    }.get(group.category, _external_ids)
    # NUL is in no id, and PostgreSQL cannot compare it.
    found = read([(number, line.replace("\0", "\N{REPLACEMENT CHARACTER}")) for number, line in lines], group, scope)
    found.ids, found.auth_ids = list(dict.fromkeys(found.ids)), list(dict.fromkeys(found.auth_ids))
    return found


Lines = Sequence[tuple[int, str]]


def _auth_ids(lines: Lines, group: ExceptionGroup, scope: Scope) -> Understood:
    """Any Auth ID can be named; into an eMSP's own group its own alone."""
    found = Understood()
    owner: EMSP | None = None if scope.everything else group.owner_emsp
    own = named_by_party([line for _, line in lines], owner) if owner is not None else None
    chips = _chips(lines, group, scope)
    for number, line in lines:
        if why := _no_auth_id(line):
            found.problems.append(Problem(number, line, why))
        elif line in chips:
            why = _("This is the Chip ID of a charge token: choose it by search, or give its Auth ID.")
            found.problems.append(Problem(number, line, why))
        elif own is not None and line not in own:
            why = _("No Auth ID of this eMSP: none of its charge tokens carries it, nor does it begin with its party.")
            found.problems.append(Problem(number, line, why))
        else:
            found.auth_ids.append(line)
    return found


def _no_auth_id(line: str) -> str:
    if len(line) > MAX_AUTH_ID:
        return _("An Auth ID has at most %(most)s characters.") % {"most": MAX_AUTH_ID}
    try:
        ids.auth_id(line)
    except BadId as error:
        return str(error)
    return ""


def _chips(lines: Lines, group: ExceptionGroup, scope: Scope) -> set[str]:
    """Lines that are the Chip ID of a token that the user may put into the group, and the Auth ID of none."""
    forms = {line: normal_forms(line) for _, line in lines}
    every = {form for several in forms.values() for form in several}
    rows = candidates(group, scope).order_by()
    uids = set(rows.filter(uid_normal__in=every).values_list("uid_normal", flat=True))
    carried = set(rows.filter(auth_id_normal__in=every).values_list("auth_id_normal", flat=True)) if uids else set()
    return {line for line, several in forms.items() if several & uids and not several & carried}


def _parties(lines: Lines, group: ExceptionGroup, scope: Scope) -> Understood:
    codes: dict[str, tuple[str, str]] = {}
    for _number, line in lines:
        try:
            codes[line] = party_code(line)
        except BadId:
            continue
    rows = candidates(group, scope).filter(
        country_code__in={country for country, _ in codes.values()}, party_id__in={party for _, party in codes.values()}
    )
    known = _by(rows, "country_code", "party_id")
    unwritten = _("Not a party code: a country and a party, like NL-GFX.")
    unknown = _("No party with this code may be added here.")
    return _matched(
        lines,
        lambda line: known.get(codes[line], ()) if line in codes else None,
        _Why(unknown=unknown, unreadable=unwritten),
    )


def _locations(lines: Lines, group: ExceptionGroup, scope: Scope) -> Understood:
    """By location ID; where two CPOs have one, with the CPO's code before it."""
    ids_ = {part for _, line in lines for part in (line, line.partition(" ")[2].strip()) if part}
    rows = candidates(group, scope).filter(location_id__in=ids_)
    known = _by(rows, "location_id")
    of_cpo = _by(rows, "cpo__country_code", "cpo__party_id", "location_id")

    def find(line: str) -> Iterable[int]:
        if (line,) in known:
            return known[(line,)]
        code, _, rest = line.partition(" ")
        try:
            return of_cpo.get((*party_code(code), rest.strip()), ())
        except BadId:
            return ()

    unknown = _("No location with this ID may be added here.")
    several = _("Several CPOs have a location with this ID: write the CPO's code before it, like “NL-GFX LOC1”.")
    return _matched(lines, find, _Why(unknown, several))


def _external_ids(lines: Lines, group: ExceptionGroup, scope: Scope) -> Understood:
    """Of customers and of drivers."""
    known = _by(candidates(group, scope).filter(external_id__in={line for _, line in lines}), "external_id")
    of_customers = group.category == "customer"
    unknown = (
        _("No customer with this external ID may be added here.")
        if of_customers
        else _("No driver with this external ID may be added here.")
    )
    several = (
        _("Customers of several eMSPs have this external ID: choose the one by search.")
        if of_customers
        else _("Drivers of several customers have this external ID: choose the one by search.")
    )
    return _matched(lines, lambda line: known.get((line,), ()), _Why(unknown, several))


class _Why(NamedTuple):
    unknown: str
    several: str = ""
    unreadable: str = ""


def _matched(lines: Lines, find: Callable[[str], Any], why: _Why) -> Understood:
    """find(line): primary keys of what it may mean; None where it is no id at all."""
    found = Understood()
    for number, line in lines:
        pks = find(line)
        if pks is not None and len(pks) == 1:
            found.ids.append(pks[0])
        else:
            text = why.unreadable if pks is None else why.several if pks else why.unknown
            found.problems.append(Problem(number, line, text))
    return found


def _by(rows: QuerySet[Any], *columns: str) -> dict[tuple[str, ...], list[int]]:
    found: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for *key, pk in rows.order_by().values_list(*columns, "pk"):
        found[tuple(key)].append(pk)
    return dict(found)
