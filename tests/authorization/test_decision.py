"""The same scenarios and random worlds as the engine's, through PostgreSQL and services.authorize()."""

from datetime import UTC, datetime

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authorization.models import Decision
from authorization.questions import parse
from authorization.services import Answer, authorize, explain
from locations.models import EVSE, ChargeStation, Location
from tests import naive, naive_orm
from tests.authorization.database_world import Saved, body_of, caller_of, fitted, save
from tests.engine.random_worlds import Case, cases
from tests.worlds import Ask, Scenario, load_scenarios
from tokens.models import Token


@pytest.mark.django_db
@pytest.mark.parametrize("scenario", load_scenarios(), ids=lambda scenario: scenario.name)
def test_scenarios_hold_over_the_database(scenario: Scenario) -> None:
    saved = save(fitted(scenario.world))
    for ask in scenario.asks:
        answer = ask_one(saved, ask)
        assert (answer.verdict.status, answer.verdict.reason) == (ask.status, ask.reason), ask.say
        rule = saved.exceptions[ask.because].pk if ask.because else answer.verdict.rule
        assert answer.verdict.rule == rule, ask.say
    assert Decision.objects.count() == len(scenario.asks)


@pytest.mark.django_db
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(cases(), min_size=1, max_size=1))
def test_random_worlds_get_the_answer_of_both_naive_implementations(drawn: list[Case]) -> None:
    for case in drawn:
        with transaction.atomic():
            saved = save(fitted(case.world))
            ask = as_presented(saved, case.ask)
            answer = ask_one(saved, ask, case.at)
            assert answer.verdict.reason == naive.answer(saved.world, ask, case.at)
            assert answer.verdict.reason == orm_answer(ask, saved, case.at)
            transaction.set_rollback(True)


def ask_one(saved: Saved, ask: Ask, at: datetime | None = None) -> Answer:
    """The answer of authorize(), after explain() was seen to give the same one."""
    question, caller = parse(body_of(saved, ask)), caller_of(saved, ask)
    at = (at or ask.at).astimezone(UTC)
    answer = authorize([question], caller, at)[0]
    assert isinstance(answer, Answer)
    explained = explain(question, caller, at)
    assert explained.verdict == answer.verdict
    assert explained.explanation is not None
    assert [step.outcome for step in explained.explanation.steps].index("match") == answer.verdict.row - 1
    return answer


def as_presented(saved: Saved, ask: Ask) -> Ask:
    """A token is known by its uid or by its Auth ID, which other tokens may carry too."""
    if ask.token is None:
        return ask
    token = saved.world.tokens[ask.token]
    if token.uid is None or token.type == "EMAID":
        return Ask(**{**ask.__dict__, "token": None, "auth_id": token.auth_id})
    return Ask(**{**ask.__dict__, "token": None, "uid": token.uid, "type": token.type})


def orm_answer(ask: Ask, saved: Saved, at: datetime) -> str:
    station = ChargeStation.objects.filter(identity=ask.station).first() if ask.station else None
    place = Location.objects.filter(location_id=ask.location).first() if ask.location else None
    if ask.evse and (evse := EVSE.objects.filter(evse_id=ask.evse).first()):
        station, place = evse.station, evse.location
    if station is not None:
        place = station.location
    cpo = place.cpo if place else None
    while ask.by and cpo is not None and cpo != saved.cpos[ask.by]:
        cpo = cpo.parent
    body = body_of(saved, ask)
    tokens: list[Token] | None = None
    if not ask.no_authorization:
        if body["token_type"] == "e_maid":
            rows = [t for t in Token.objects.all() if t.auth_id and same(t.auth_id, body["id_token"])]
            tokens = [t for t in rows if t.type == "EMAID"] or rows
        else:
            tokens = list(Token.objects.filter(type="RFID", uid=body["id_token"]))
    free = station is not None and not station.authorization_required
    return naive_orm.answer(place if cpo else None, free, tokens, at)


def same(one: str, other: str) -> bool:
    return one.replace("-", "").upper() == other.replace("-", "").upper()


@pytest.mark.django_db
def test_the_number_of_queries_does_not_grow_with_the_number_of_questions() -> None:
    saved = save(fitted(load_scenarios()[0].world))
    asks = load_scenarios()[0].asks
    caller = caller_of(saved, Ask("", asks[0].at, "", ""))
    counts = []
    for asked in (asks, asks * 20):
        questions = [parse(body_of(saved, ask)) for ask in asked]
        with connection.execute_wrapper(counter := Counter()):
            authorize(questions, caller, asks[0].at.astimezone(UTC))
        counts.append(counter.count)
    assert counts[0] == counts[1] <= 16, counts


class Counter:
    count = 0

    def __call__(self, execute: object, sql: str, params: object, many: bool, context: object) -> object:
        self.count += 1
        return execute(sql, params, many, context)  # type: ignore[operator]
