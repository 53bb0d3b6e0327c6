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

MAX_VERDICTS = 20_000  # some 10 MB
MAX_SHUT = 250_000  # in remembered rule ids
SHUT_WEIGHT = 25  # what an entry costs beside its ids
WIDE = 32  # eMSP-side groups of one rule, beyond which it is not kept by each of them


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


NO_RULE = Verdict(EARLIEST, LATEST, 0, None, named=False, always=True)


class Cover(NamedTuple):
    """What the enabled rules of one group say.

    shutting: the whitelists that shut this side to all they do not name, by id, up to the first without a window. What
    comes after that one can never be the first to shut. meets: of a CPO-side group, ids of its rules by the eMSP-side
    groups they name, so that a pair of classes is a few looks. wide: ids of the rules that name too many for that.
    """

    shutting: tuple[int, ...]
    meets: dict[int, list[int]]
    wide: frozenset[int]


def common(at: list[Cover], of: list[Cover], token_groups: Groups) -> set[int]:
    """Ids of the enabled rules that cover both a place and a token of these groups."""
    found: set[int] = set()
    for place in at:
        meets = place.meets
        for group in token_groups:
            if group in meets:
                found.update(meets[group])
        if place.wide:
            for token in of:
                found |= place.wide & token.wide  # walks the smaller of the two
    return found


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

    __slots__ = ("_by_id", "_cpo", "_cpo_every", "_emsp", "_emsp_every", "_shut", "_verdicts", "_windows")

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._by_id = {rule.id: rule for rule in rules}
        self._windows: dict[int, Window] = {
            rule.id: (rule.valid_from, rule.valid_until) for rule in self._by_id.values() if _has_window(rule)
        }
        self._cpo_every = _by_group((rule.id, rule.cpo_groups) for rule in self._by_id.values())
        self._emsp_every = _by_group((rule.id, rule.emsp_groups) for rule in self._by_id.values())
        self._cpo = {group: self._group(ids, at_place=True) for group, ids in self._cpo_every.items()}
        self._emsp = {group: self._group(ids, at_place=False) for group, ids in self._emsp_every.items()}
        self._shut: Memo[tuple[tuple[int, ...], ...], tuple[int, ...]] = Memo(MAX_SHUT)
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
        if self._is_free(place_groups, token_groups):
            return NO_RULE
        key = (place_groups, token_groups)
        known = self._verdicts.entries.get(key)
        if known is not None:
            if known.always:
                return known
            local = local_time(now, zone)
            if known.since <= local < known.until:
                return known
        verdict = self._judge(place_groups, token_groups, now, zone)
        self._verdicts.put(key, verdict)
        return verdict

    def forget(self) -> None:
        """Drop what is remembered, as a fresh snapshot of the same rules; answers stay the same."""
        self._shut.clear()
        self._verdicts.clear()

    def covering_place(self, groups: Groups) -> set[int]:
        """Ids of every rule that covers the place, disabled ones too."""
        return {rule for group in groups for rule in self._cpo_every.get(group, ())}

    def covering_token(self, groups: Groups) -> set[int]:
        return {rule for group in groups for rule in self._emsp_every.get(group, ())}

    def boundaries(self, place_groups: Groups, token_groups: Groups, row: int) -> set[datetime]:
        """Local times at which what the rows up to `row` find on these classes can change."""
        at, of = self._covers(self._cpo, place_groups), self._covers(self._emsp, token_groups)
        black, at_place, of_token = self._by_row(common(at, of, token_groups))
        findings: list[tuple[int, Iterable[int]]] = [
            (7, black),
            (8, self._by_row(self.covering_place(place_groups))[1]),
            (8, at_place),
            (9, self._by_row(self.covering_token(token_groups))[2]),
            (9, of_token),
        ]
        windows = [[self._windows.get(rule, ALWAYS) for rule in rules] for number, rules in findings if number <= row]
        return {at for each in windows for at in edges(each)}

    def _is_free(self, place_groups: Groups, token_groups: Groups) -> bool:
        """Whether no rule shuts either side or covers both, as of most pairs: it costs less than to remember."""
        covers = self._cpo
        for place_group in place_groups:
            if place_group in covers:
                shutting, meets, wide = covers[place_group]
                if shutting or wide:
                    return False
                for token_group in token_groups:
                    if token_group in meets:
                        return False
        covers = self._emsp
        for token_group in token_groups:  # noqa: SIM110 - a generator takes twice as long
            if token_group in covers and covers[token_group][0]:
                return False
        return True

    @staticmethod
    def _covers(index: dict[int, Cover], groups: Groups) -> list[Cover]:
        return [index[group] for group in groups if group in index]

    def _first_shutting(self, covers: list[Cover]) -> tuple[int, ...]:
        """The whitelists that shut what lies in several groups: the first to do so is the first of one of them."""
        each = tuple([cover.shutting for cover in covers if cover.shutting])
        if len(each) < 2:
            return each[0] if each else ()
        known = self._shut.entries.get(each)
        if known is None:
            known = self._shutting({rule for ids in each for rule in ids})
            self._shut.put(each, known, SHUT_WEIGHT + len(known))
        return known

    def _group(self, ids: list[int], *, at_place: bool) -> Cover:
        rules = [self._by_id[rule] for rule in ids if self._by_id[rule].enabled]
        shutting = self._shutting([rule.id for rule in rules if not rule.blacklist and rule.emsp_for_cpo == at_place])
        narrow = [rule for rule in rules if len(rule.emsp_groups) <= WIDE]
        wide = frozenset([rule.id for rule in rules if len(rule.emsp_groups) > WIDE])
        meets = _by_group((rule.id, rule.emsp_groups) for rule in narrow) if at_place else {}
        return Cover(shutting, meets, wide)

    def _by_row(self, ids: Iterable[int]) -> tuple[list[int], list[int], list[int]]:
        """Of rules, those enabled, in the order of their ids: blacklists, whitelists emsp_for_cpo and cpo_for_emsp."""
        black: list[int] = []
        emsp_for_cpo: list[int] = []
        cpo_for_emsp: list[int] = []
        for rule_id in sorted(ids):
            rule = self._by_id[rule_id]
            if rule.enabled:
                (black if rule.blacklist else emsp_for_cpo if rule.emsp_for_cpo else cpo_for_emsp).append(rule_id)
        return black, emsp_for_cpo, cpo_for_emsp

    def _shutting(self, whitelists: Iterable[int]) -> tuple[int, ...]:
        ids = sorted(whitelists)
        for position, rule in enumerate(ids):
            if rule not in self._windows:
                return tuple(ids[: position + 1])
        return tuple(ids)

    def _judge(self, place_groups: Groups, token_groups: Groups, now: datetime, zone: ZoneInfo) -> Verdict:
        """Each look narrows the span to where its finding holds, so the verdict holds in what is left."""
        at, of = self._covers(self._cpo, place_groups), self._covers(self._emsp, token_groups)
        both_sides = common(at, of, token_groups)
        shut_place, shut_token = self._first_shutting(at), self._first_shutting(of)
        local = local_time(now, zone)
        black, at_place, of_token = self._by_row(both_sides)
        rule, span = self._first_active(black, local, (EARLIEST, LATEST))
        if rule is not None:
            return _verdict(span, 7, rule)
        both, span = self._first_active(at_place, local, span)
        if both is None:
            rule, span = self._first_active(shut_place, local, span)
            if rule is not None:
                return _verdict(span, 8, rule)
        tied, span = self._first_active(of_token, local, span)
        if tied is None:
            rule, span = self._first_active(shut_token, local, span)
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
