"""The entry points of every protocol that asks who may charge: authorize() and explain()."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import DataError

from authorization import metrics, selectors
from authorization.engine.changes import next_change
from authorization.engine.decide import decide, stand
from authorization.engine.decide import explain as explain_decision
from authorization.engine.reasons import ROWS
from authorization.engine.types import Decision as Verdict
from authorization.engine.types import Explanation, Reason
from authorization.facts import Facts, new
from authorization.limits import Limits, LocalCounts
from authorization.questions import BadQuestion, Question
from authorization.sealed import pseudonym
from authorization.services.keys import Caller
from authorization.spool import DatabaseLog, Log, Row
from authorization.store import DatabaseStore, Loaded, Store

logger = logging.getLogger(__name__)
_UNKNOWN_TOKEN = Reason.UNKNOWN_TOKEN.row
_REASONS = ("", *(row.reason.value for row in ROWS))  # by row number; asking the enum takes longer than deciding

# Where the rules come from and where decisions are kept; a web process puts the compiled copy and its spool here.
store: Store = DatabaseStore()
log: Log = DatabaseLog()
# Which keys ask about too many unknown tokens; a web process shares what it knows with the others.
limits = Limits([LocalCounts()])


def in_force(revision: int) -> bool:
    """Whether no question that is asked from now on, on whichever node, is answered by an older one."""
    return store.state().revision >= revision and not selectors.nodes_behind(revision)


# BrokenRule, UnknownZone and an unknown word in a row are ValueErrors: a rule that cannot be read.
# So is, as an OverflowError, a wall clock beyond the year 9999, and as a DataError a window that ends there.
UNREADABLE = (ValueError, TypeError, OverflowError, DataError)


class NoRules(RuntimeError):
    """The rules cannot be read, or one of them cannot be understood. No answer is made up: 503."""


class Answer(NamedTuple):
    """What is answered, and what the log keeps beside it."""

    question: Question
    facts: Facts
    verdict: Verdict
    decided_at: datetime
    revision: int
    source: str
    explanation: Explanation | None = None


def authorize(questions: Sequence[Question], caller: Caller, now: datetime) -> list[Answer | BadQuestion]:
    """Decides each question on its own, all at `now` and at one revision, and logs every decision.

    Raises NoRules, TooManyUnknown, and the database's errors.
    """
    limits.check(caller)
    answers = answers_to(questions, caller, now)
    keep(answers, caller)
    return answers


def keep(answers: Sequence[Answer | BadQuestion], caller: Caller) -> None:
    """Logs and counts every decision; what is answered must have been kept. Raises the log's errors."""
    given = [answer for answer in answers if type(answer) is Answer]
    log.write([log_row(answer, caller) for answer in given])
    if caller.user is None:
        limits.note(caller, [answer.verdict.row for answer in given].count(_UNKNOWN_TOKEN))
    metrics.note_decisions([(answer.verdict.row, answer.source) for answer in given])


def answers_to_key(
    key: str, questions: Sequence[Question], now: datetime
) -> tuple[Caller, list[Answer | BadQuestion]] | None:
    """As answers_to(), and whose key it is, of one look at the rules. None where that is not enough to be sure.

    Nothing is in the log then. Raises as answers_to() does, and TooManyUnknown.
    """
    try:
        asked = store.ask(key, questions, now)
        if asked is None:
            return None
        limits.check(asked.caller)
        return asked.caller, _decided(questions, asked.loaded, now)
    except UNREADABLE as error:
        raise NoRules(str(error)) from error


def explain(question: Question, caller: Caller, at: datetime) -> Answer:
    """The decision at `at` by the rules of now, with every row it went through. Writes nothing. Raises BadQuestion."""
    answer = answers_to([question], caller, at, with_steps=True)[0]
    if isinstance(answer, BadQuestion):
        raise answer
    return answer


def answers_to(
    questions: Sequence[Question], caller: Caller, now: datetime, *, with_steps: bool = False
) -> list[Answer | BadQuestion]:
    """Decides without a word in the log. Raises NoRules, and the database's errors."""
    try:
        return _decided(questions, store.load(questions, caller), now, with_steps=with_steps)
    except UNREADABLE as error:
        logger.exception("A rule cannot be read")
        raise NoRules(str(error)) from error


class Foreseen(NamedTuple):
    """An answer, and the instant at which it would be another one if nothing is changed; None for never."""

    answer: Answer
    until: datetime | None


def foresee(
    questions: Sequence[Question], caller: Caller, now: datetime, of: Store | None = None
) -> list[Foreseen | BadQuestion]:
    """As answers_to(), and for how long. of: another store than this process's. Raises as answers_to() does."""
    try:
        loaded = (of or store).load(questions, caller)
        foreseen: list[Foreseen | BadQuestion] = []
        for answer in _decided(questions, loaded, now):
            if isinstance(answer, BadQuestion):
                foreseen.append(answer)
                continue
            until = next_change(decide, answer.facts.request, loaded.rules, now, answer.verdict)
            foreseen.append(Foreseen(answer, until))
    except UNREADABLE as error:
        logger.exception("A rule cannot be read")
        raise NoRules(str(error)) from error
    return foreseen


def _decided(
    questions: Sequence[Question], loaded: Loaded, now: datetime, *, with_steps: bool = False
) -> list[Answer | BadQuestion]:
    every, rules, revision, source = loaded
    answers: list[Answer | BadQuestion] = []
    for question, facts in zip(questions, every, strict=True):
        if isinstance(facts, BadQuestion):
            answers.append(facts)
            continue
        if question.placeless:
            stands = stand(facts.request.tokens, now)
            answers.append(Answer(question, facts, stands, now, revision, source) if stands else _no_place(question))
            continue
        explanation = explain_decision(facts.request, rules, now) if with_steps else None
        verdict = explanation.decision if explanation else decide(facts.request, rules, now)
        answers.append(new(Answer, (question, facts, verdict, now, revision, source, explanation)))
    return answers


def _no_place(question: Question) -> BadQuestion:
    return BadQuestion("The charge token is good; whether it may charge depends on the place.", "no_place", question.id)


def log_row(answer: Answer, caller: Caller) -> Row:
    """What is noted of an answer: the values of spool.COLUMNS, ids in the clear."""
    question, facts, verdict, decided_at, revision, source, _ = answer
    place = facts.request.place
    row = verdict.row
    return (
        question.id,
        decided_at,
        caller.label[:300],
        caller.key if caller.key > 0 else None,
        question.token_type,
        verdict.token,
        _normal(question),
        (question.presented or "") if row == _UNKNOWN_TOKEN else "",
        place.location if place else None,
        question.place[:300],
        verdict.accepted,
        _REASONS[row],
        verdict.rule,
        revision,
        source,
    )


def mark_of(question: Question) -> str:
    """The keyed hash that the log keeps of what was presented; "" where nothing was."""
    return pseudonym(_normal(question))


def _normal(question: Question) -> str:
    """The id presented in normal form, which is the same for every way to write it."""
    if question.uids:
        return question.uids[0][1]
    return question.auth_id or question.presented or ""
