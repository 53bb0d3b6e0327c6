"""Exceptions compiled for deciding: found by group, and remembered by class.

All places with the same CPO-side groups are one class, all tokens with the same eMSP-side groups another. What rows 7
to 9 say depends on the two classes and the local time only, so it is worked out once per pair of classes, together with
the span of local time in which it holds.
"""

from collections import defaultdict
from collections.abc import Container, Hashable, Iterable, Mapping
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from .clock import local_time
from .types import Rule
from .validation import BrokenRule, check
from .windows import ALWAYS, EARLIEST, LATEST, Window, edges

__all__ = ["BrokenRule", "Rules", "Verdict", "compile_rules"]

Groups = tuple[int, ...]
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MAX_VERDICTS = 20_000  # some 15 MB
MAX_CLASS_WEIGHT = 250_000  # in remembered rule ids, for the places and again for the tokens
CLASS_WEIGHT = 25  # what a class costs that no rule covers

_NOTHING: frozenset[int] = frozenset()


class Verdict(NamedTuple):
    """What the rules say of one pair of classes while since ≤ local time < until.

    row: 7, 8 or 9, or 0 where none of these matches. named: an active whitelist covers both. always: holds at any time.
    """

    since: datetime
    until: datetime
    row: int
    rule: int | None
    named: bool
    always: bool


class Cover(NamedTuple):
    """Ids of the enabled rules that cover a group of one side, by kind; size: their number.

    shutting: the whitelists that shut this side to all they do not name, by id, up to the first without a window. What
    comes after that one can never be the first to shut.
    """

    black: frozenset[int]
    emsp_for_cpo: frozenset[int]
    cpo_for_emsp: frozenset[int]
    shutting: tuple[int, ...]
    size: int


class Class:
    """Places, or tokens, that lie in the same groups. parts: what covers them, by group. size: rules in all parts."""

    __slots__ = ("_whole", "groups", "parts", "shutting", "size")

    def __init__(self, groups: Groups, parts: list[Cover], shutting: tuple[int, ...]) -> None:
        self.groups = groups
        self.parts = parts
        self.shutting = shutting
        self.size = sum([part.size for part in parts])
        self._whole: Cover | None = parts[0] if len(parts) == 1 else None

    def whole(self) -> Cover:
        """All parts as one. Only the smaller class of a pair is asked for it, so large ones are hardly ever united."""
        if self._whole is None:
            black = _NOTHING.union(*[part.black for part in self.parts])
            emsp_for_cpo = _NOTHING.union(*[part.emsp_for_cpo for part in self.parts])
            cpo_for_emsp = _NOTHING.union(*[part.cpo_for_emsp for part in self.parts])
            self._whole = Cover(black, emsp_for_cpo, cpo_for_emsp, self.shutting, self.size)
        return self._whole


def common(place: Class, token: Class) -> tuple[list[int], set[int], set[int]]:
    """The rules that cover both: blacklists in the order of their ids, whitelists emsp_for_cpo and cpo_for_emsp.

    A set intersection walks its smaller side, so the cost follows the class with fewer rules, not the product.
    """
    small, large = (place, token) if place.size <= token.size else (token, place)
    whole = small.whole()
    black: set[int] = set()
    emsp_for_cpo: set[int] = set()
    cpo_for_emsp: set[int] = set()
    for part in large.parts:
        black |= whole.black & part.black
        emsp_for_cpo |= whole.emsp_for_cpo & part.emsp_for_cpo
        cpo_for_emsp |= whole.cpo_for_emsp & part.cpo_for_emsp
    return sorted(black), emsp_for_cpo, cpo_for_emsp


class Memo(Generic[K, V]):
    """A dict that starts afresh when it has grown heavy. Lost races only cost a recomputation, so it takes no lock."""

    __slots__ = ("_limit", "_weight", "entries")

    def __init__(self, limit: int) -> None:
        self.entries: dict[K, V] = {}
        self._limit = limit
        self._weight = 0

    def put(self, key: K, value: V, weight: int = 1) -> None:
        if self._weight + weight > self._limit:
            self.clear()
        self.entries[key] = value
        self._weight += weight

    def clear(self) -> None:
        self.entries.clear()
        self._weight = 0


class Rules:
    """A compiled snapshot; make it with compile_rules. It never changes, but for what it remembers."""

    __slots__ = ("_by_id", "_cpo", "_cpo_every", "_emsp", "_emsp_every", "_places", "_tokens", "_verdicts", "_windows")

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._by_id = {rule.id: rule for rule in rules}
        self._windows: dict[int, Window] = {
            rule.id: (rule.valid_from, rule.valid_until) for rule in self._by_id.values() if _has_window(rule)
        }
        self._cpo_every = _by_group((rule.id, rule.cpo_groups) for rule in self._by_id.values())
        self._emsp_every = _by_group((rule.id, rule.emsp_groups) for rule in self._by_id.values())
        self._cpo = {group: self._group(ids, at_place=True) for group, ids in self._cpo_every.items()}
        self._emsp = {group: self._group(ids, at_place=False) for group, ids in self._emsp_every.items()}
        self._places: Memo[Groups, Class] = Memo(MAX_CLASS_WEIGHT)
        self._tokens: Memo[Groups, Class] = Memo(MAX_CLASS_WEIGHT)
        self._verdicts: Memo[tuple[Groups, Groups], Verdict] = Memo(MAX_VERDICTS)

    def replaced(self, rows: Mapping[int, Rule | None]) -> "Rules":
        """Another snapshot with these rules in place of those of their ids (None: without), as if compiled anew.

        It costs by the groups of the rules replaced, not by the number of all rules. Raises BrokenRule.
        """
        new = Rules(())
        for name in ("_by_id", "_windows", "_cpo_every", "_emsp_every", "_cpo", "_emsp"):
            setattr(new, name, dict(getattr(self, name)))
        cpo_groups: set[int] = set()
        emsp_groups: set[int] = set()
        for rule_id, row in rows.items():
            for rule in (new._by_id.pop(rule_id, None), row):
                cpo_groups.update(() if rule is None else check(rule).cpo_groups)
                emsp_groups.update(() if rule is None else rule.emsp_groups)
            new._windows.pop(rule_id, None)
            if row is not None:
                new._by_id[rule_id] = row
                if _has_window(row):
                    new._windows[rule_id] = (row.valid_from, row.valid_until)
        added = [row for row in rows.values() if row is not None]
        new._regroup(cpo_groups, rows, _by_group((row.id, row.cpo_groups) for row in added), at_place=True)
        new._regroup(emsp_groups, rows, _by_group((row.id, row.emsp_groups) for row in added), at_place=False)
        return new

    def _regroup(
        self, groups: Iterable[int], replaced: Container[int], added: Mapping[int, list[int]], *, at_place: bool
    ) -> None:
        every, covers = (self._cpo_every, self._cpo) if at_place else (self._emsp_every, self._emsp)
        for group in groups:
            # The lists are shared with the snapshot before: one is replaced, never changed.
            ids = [rule for rule in every.get(group, ()) if rule not in replaced] + added.get(group, [])
            if ids:
                every[group], covers[group] = ids, self._group(ids, at_place=at_place)
            else:
                every.pop(group, None)
                covers.pop(group, None)

    def __len__(self) -> int:
        return len(self._by_id)

    def __getitem__(self, rule_id: int) -> Rule:
        return self._by_id[rule_id]

    def verdict(self, place_groups: Groups, token_groups: Groups, now: datetime, zone: ZoneInfo) -> Verdict:
        """Rows 7 to 9 for these classes at an instant in a zone. Raises OverflowError outside the years 1 to 9999."""
        key = (place_groups, token_groups)
        known = self._verdicts.entries.get(key)
        if known is not None and known.always:
            return known
        local = local_time(now, zone)
        if known is not None and known.since <= local < known.until:
            return known
        place, token = self._place_class(place_groups), self._token_class(token_groups)
        verdict = self._judge(place, token, local)
        self._verdicts.put((place.groups, token.groups), verdict)  # the classes' own tuples, not each request's copies
        return verdict

    def forget(self) -> None:
        """Drop what is remembered, as a fresh snapshot of the same rules; answers stay the same."""
        for memo in (self._places, self._tokens, self._verdicts):
            memo.clear()

    def covering_place(self, groups: Groups) -> set[int]:
        """Ids of every rule that covers the place, disabled ones too."""
        return {rule for group in groups for rule in self._cpo_every.get(group, ())}

    def covering_token(self, groups: Groups) -> set[int]:
        return {rule for group in groups for rule in self._emsp_every.get(group, ())}

    def boundaries(self, place_groups: Groups, token_groups: Groups, row: int) -> set[datetime]:
        """Local times at which what the rows up to `row` find on these classes can change."""
        place, token = self._place_class(place_groups), self._token_class(token_groups)
        black, at_place, of_token = common(place, token)
        findings: list[tuple[int, Iterable[int]]] = [
            (7, black),
            (8, place.whole().emsp_for_cpo),
            (8, at_place),
            (9, token.whole().cpo_for_emsp),
            (9, of_token),
        ]
        windows = [[self._windows.get(rule, ALWAYS) for rule in rules] for number, rules in findings if number <= row]
        return {at for each in windows for at in edges(each)}

    def _place_class(self, groups: Groups) -> Class:
        return self._places.entries.get(groups) or self._remember(self._places, self._cpo, groups)

    def _token_class(self, groups: Groups) -> Class:
        return self._tokens.entries.get(groups) or self._remember(self._tokens, self._emsp, groups)

    def _remember(self, memo: Memo[Groups, Class], index: dict[int, Cover], groups: Groups) -> Class:
        parts = [index[group] for group in groups if group in index]
        # The first to shut the class is the first of its groups' first ones.
        shutting = self._shutting({rule for part in parts for rule in part.shutting})
        found = Class(groups, parts, shutting)
        memo.put(groups, found, CLASS_WEIGHT + found.size)
        return found

    def _group(self, ids: list[int], *, at_place: bool) -> Cover:
        rules = [self._by_id[rule] for rule in ids if self._by_id[rule].enabled]
        black = frozenset(rule.id for rule in rules if rule.blacklist)
        emsp_for_cpo = frozenset(rule.id for rule in rules if not rule.blacklist and rule.emsp_for_cpo)
        cpo_for_emsp = frozenset(rule.id for rule in rules if not rule.blacklist and not rule.emsp_for_cpo)
        shutting = self._shutting(emsp_for_cpo if at_place else cpo_for_emsp)
        return Cover(black, emsp_for_cpo, cpo_for_emsp, shutting, size=len(rules))

    def _shutting(self, whitelists: Iterable[int]) -> tuple[int, ...]:
        ids = sorted(whitelists)
        for position, rule in enumerate(ids):
            if rule not in self._windows:
                return tuple(ids[: position + 1])
        return tuple(ids)

    def _judge(self, place: Class, token: Class, local: datetime) -> Verdict:
        """Each look narrows the span to where its finding holds, so the verdict holds in what is left."""
        black, at_place, of_token = common(place, token)
        rule, span = self._first_active(black, local, (EARLIEST, LATEST))
        if rule is not None:
            return _verdict(span, 7, rule)
        both, span = self._first_active(at_place, local, span)
        if both is None:
            rule, span = self._first_active(place.shutting, local, span)
            if rule is not None:
                return _verdict(span, 8, rule)
        tied, span = self._first_active(of_token, local, span)
        if tied is None:
            rule, span = self._first_active(token.shutting, local, span)
            if rule is not None:
                return _verdict(span, 9, rule)
        return _verdict(span, 0, None, named=both is not None or tied is not None)

    def _first_active(
        self, ids: Iterable[int], local: datetime, span: tuple[datetime, datetime]
    ) -> tuple[int | None, tuple[datetime, datetime]]:
        """The first active of `ids` (all enabled), and the part of `span` around `local` in which it is the first."""
        since, until = span
        windows = self._windows
        for rule in ids:
            window = windows.get(rule)
            if window is None:
                return rule, (since, until)
            start, end = window
            if start is not None and local < start:
                until = min(until, start)
            elif end is not None and local >= end:
                since = max(since, end)
            else:
                return rule, (max(since, start or EARLIEST), min(until, end or LATEST))
        return None, (since, until)


def _verdict(span: tuple[datetime, datetime], row: int, rule: int | None, named: bool = False) -> Verdict:
    since, until = span
    return Verdict(since, until, row, rule, named, always=since == EARLIEST and until == LATEST)


def compile_rules(rows: Iterable[Rule]) -> Rules:
    """Raises BrokenRule for a row that cannot be read and for an id that comes twice; it never leaves one out."""
    rules: dict[int, Rule] = {}
    for row in rows:
        rule = check(row)
        if rule.id in rules:
            raise BrokenRule(f"exception {rule.id}: it comes twice")
        rules[rule.id] = rule
    return Rules(rules.values())


def _has_window(rule: Rule) -> bool:
    return rule.valid_from is not None or rule.valid_until is not None


def _by_group(rows: Iterable[tuple[int, Groups]]) -> dict[int, list[int]]:
    found: defaultdict[int, list[int]] = defaultdict(list)
    for rule, groups in rows:
        for group in groups:
            found[group].append(rule)
    return dict(found)
