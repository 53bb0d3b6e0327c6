"""The thirteen rows as a person reads them: which passed, which matched, and what each looked at."""

from datetime import datetime

from .reasons import ROWS, Row
from .rules import Rules
from .types import Considered, Decision, Outcome, Place, Request, Rule, Step, Token


def steps_of(request: Request, rules: Rules, decision: Decision, local: datetime | None) -> tuple[Step, ...]:
    """`local`: naive time at the place, None where there is no place."""
    token = next((each for each in request.tokens if each.key == decision.token), None)
    looked_at: dict[int, list[Considered]] = {}
    if request.place is not None and token is not None and local is not None:
        looked_at = _looked_at(request.place, token, rules, local)
    return tuple(_step(row, decision.row, looked_at) for row in ROWS)


def _step(row: Row, matched: int, looked_at: dict[int, list[Considered]]) -> Step:
    outcome: Outcome = "pass" if row.number < matched else "match" if row.number == matched else "skipped"
    considered = () if outcome == "skipped" else tuple(looked_at.get(row.number, ()))
    return Step(row.number, row.reason, outcome, considered)


def _looked_at(place: Place, token: Token, rules: Rules, local: datetime) -> dict[int, list[Considered]]:
    """By row number, the exceptions that concern it, in the order of their ids; disabled and inactive ones too."""
    at_place = rules.covering_place(place.groups)
    of_token = rules.covering_token(token.groups)
    rows: dict[int, list[Considered]] = {7: [], 8: [], 9: [], 12: []}
    for rule_id in sorted(at_place | of_token):
        rule = rules[rule_id]
        covers_place, covers_token = rule_id in at_place, rule_id in of_token
        considered = _considered(rule, local, covers_place, covers_token)
        if rule.blacklist:
            rows[7].append(considered)
            continue
        if rule.emsp_for_cpo and covers_place:
            rows[8].append(considered)
        if not rule.emsp_for_cpo and covers_token:
            rows[9].append(considered)
        if covers_place and covers_token:
            rows[12].append(considered)
    return rows


def _considered(rule: Rule, local: datetime, covers_place: bool, covers_token: bool) -> Considered:
    why = _why(rule, local)
    return Considered(rule.id, rule.name, why == "active", why, covers_place, covers_token)


def _why(rule: Rule, local: datetime) -> str:
    if not rule.enabled:
        return "disabled"
    if rule.valid_from is not None and local < rule.valid_from:
        return f"starts {_minutes(rule.valid_from)}"
    if rule.valid_until is not None and local >= rule.valid_until:
        return f"ended {_minutes(rule.valid_until)}"
    return "active"


def _minutes(at: datetime) -> str:
    whole = at.second == 0 and at.microsecond == 0
    return at.isoformat(sep=" ", timespec="minutes" if whole else "auto")
