"""A rule that cannot be read stops the whole compile: a doubtful restriction must never turn into an accept."""

from datetime import datetime

from .types import Rule


class BrokenRule(ValueError):
    """A row that is no readable exception; the message says which and why."""


def check(rule: object) -> Rule:
    """The rule itself, or BrokenRule."""
    if not isinstance(rule, Rule):
        raise BrokenRule(f"not a rule: {rule!r}")
    if type(rule.id) is not int:
        raise BrokenRule(f"exception {rule.id!r}: its id is not a number")
    problem = _field_problem(rule) or _groups_problem(rule) or _window_problem(rule)
    if problem:
        raise BrokenRule(f"exception {rule.id}: {problem}")
    return rule


def _field_problem(rule: Rule) -> str | None:
    if not isinstance(rule.name, str):
        return "its name is not text"
    # 0, 1, None or "off" in place of a bool is a mapping gone wrong; guessing its meaning could open a location.
    for field in ("enabled", "blacklist", "emsp_for_cpo"):
        if type(getattr(rule, field)) is not bool:
            return f"{field} is neither true nor false"
    return None


def _groups_problem(rule: Rule) -> str | None:
    for field in ("cpo_groups", "emsp_groups"):
        groups = getattr(rule, field)
        if type(groups) is not tuple or any(type(group) is not int for group in groups):
            return f"{field} is not a tuple of group ids"
        if not groups:
            return f"{field} is empty"
    return None


def _window_problem(rule: Rule) -> str | None:
    for field in ("valid_from", "valid_until"):
        boundary = getattr(rule, field)
        if boundary is None:
            continue
        if not isinstance(boundary, datetime):
            return f"{field} is not a date-time"
        if boundary.tzinfo is not None:
            return f"{field} has a time zone"
    if rule.valid_from is not None and rule.valid_until is not None and rule.valid_from >= rule.valid_until:
        return "valid_from is not before valid_until"
    return None
