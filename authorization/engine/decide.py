"""The decision. One pass over the thirteen rows answers every protocol; explain() shows the same pass, step by step."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from .changes import next_change
from .clock import local_time, require_utc, zone_of
from .reasons import ROWS
from .rules import Rules
from .steps import steps_of
from .types import Decision, Explanation, Place, Reason, Request, Token

__all__ = ["decide", "explain", "stand", "standing"]

_REASONS: tuple[Reason, ...] = (Reason.ALLOWED, *(row.reason for row in ROWS))  # by row number; there is no row 0
_new = tuple.__new__  # of a NamedTuple, for half of what calling it costs
_ACCEPTED = (False, *(row.accepted for row in ROWS))


def decide(request: Request, rules: Rules, now: datetime) -> Decision:
    """Raises ValueError where `now` is not UTC or the place's zone is unknown: an error is never an accept."""
    if now.tzinfo is not UTC:
        require_utc(now)
    place, tokens, no_authorization = request
    if place is None:
        return _decision(1)
    zone = zone_of(place.zone)
    if place.free:
        return _decision(2)
    if no_authorization:
        return _decision(3)
    return _decide_tokens(place, zone, tokens, rules, now)


def _decide_tokens(place: Place, zone: ZoneInfo, tokens: tuple[Token, ...], rules: Rules, now: datetime) -> Decision:
    """Tokens that pass rows 4 to 6 decide, if there are any; then the smallest row, and in that the smallest key."""
    best_row, best_rule, best_key, best_passes = 4, None, None, False
    for token in tokens:
        row, rule = standing(token, now), None
        passes = row == 0
        if passes:
            row, rule = _admission(place, zone, token, rules, now)
        if (
            best_key is None
            or (passes and not best_passes)
            or (passes == best_passes and (row, token.key) < (best_row, best_key))
        ):
            best_row, best_rule, best_key, best_passes = row, rule, token.key, passes
    return _decision(best_row, best_rule, best_key)


def standing(token: Token, now: datetime) -> int:
    """Rows 5 and 6, which no place changes: the row that the token hits, or 0."""
    if token.blocked:
        return 5
    if token.expires_at is not None and token.expires_at <= now:
        return 6
    return 0


def stand(tokens: tuple[Token, ...], now: datetime) -> Decision | None:
    """Rows 4 to 6 of the tokens that match, wherever they are presented; None where one of them passes."""
    hit = [(standing(token, now), token.key) for token in tokens]
    if not hit:
        return _decision(4)
    row, key = min(hit)
    return _decision(row, token=key) if row else None


def _admission(place: Place, zone: ZoneInfo, token: Token, rules: Rules, now: datetime) -> tuple[int, int | None]:
    """Rows 7 to 13 for a token in good standing: the row, and the exception that decided."""
    verdict = rules.verdict(place.groups, token.groups, now, zone)
    if verdict.row:
        return verdict.row, verdict.rule
    on_list = place.private and token.listed
    if place.private and not on_list:
        return 10, None
    if not place.private and not place.published:
        return 11, None
    if token.external and not on_list and not verdict.named:
        return 12, None
    return 13, None


def _decision(row: int, rule: int | None = None, token: int | None = None) -> Decision:
    return _new(Decision, (_ACCEPTED[row], _REASONS[row], row, rule, token))


def explain(request: Request, rules: Rules, now: datetime) -> Explanation:
    """The decision with every row it went through. Raises as decide() does."""
    decision = decide(request, rules, now)
    place = request.place
    if place is None:
        return Explanation(decision, steps_of(request, rules, decision, None), None, None)
    local = local_time(now, zone_of(place.zone))
    steps = steps_of(request, rules, decision, local)
    return Explanation(decision, steps, local, next_change(decide, request, rules, now, decision))
