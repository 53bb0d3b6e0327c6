"""The same scenarios and random worlds as the engine's, through PostgreSQL and services.authorize()."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authorization.models import Decision, GroupMember
from authorization.questions import parse
from authorization.services import Answer, Caller, authorize, create_key, explain
from locations.models import EVSE, ChargeStation, Location
from tests import factories, naive, naive_orm
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
@settings(max_examples=90, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
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


@pytest.fixture
def without_triggers(db: None) -> None:
    """States that triggers prevent, and that two transactions at once could still leave for a moment."""
    with connection.cursor() as cursor:
        for model in (Token, GroupMember):
            cursor.execute(f"ALTER TABLE {model._meta.db_table} DISABLE TRIGGER USER")


@pytest.mark.usefixtures("without_triggers")
def test_an_emsps_token_speaks_before_a_leftover_external_one() -> None:
    factories.external("NL-EMA-C00000001")
    factories.token(uid="04AA", auth_id="NL-EMA-C00000001")
    assert reason_at(factories.evse(), {"id_token": "NL-EMA-C00000001", "token_type": "e_maid"}) == "ALLOWED"


@pytest.mark.usefixtures("without_triggers")
def test_a_name_is_the_auth_id_and_not_the_token_shown_for_it() -> None:
    shown = factories.token(uid="04AA", auth_id="NL-EMA-C00000002")
    evse = factories.evse()
    cards = factories.group("token")
    GroupMember.objects.create(group=cards, category="token", token=shown, auth_id="NLEMAC00000001")
    factories.exception("blacklist", "emsp_for_cpo", [factories.group("location", evse.location)], [cards])
    factories.token(uid="04BB", auth_id="NL-EMA-C00000001")
    assert reason_at(evse, {"id_token": "04AA"}) == "ALLOWED"
    assert reason_at(evse, {"id_token": "04BB"}) == "BLACKLISTED"


def reason_at(evse: EVSE, body: dict[str, Any]) -> str:
    caller = Caller(key=create_key(user=(admin := factories.admin()))[0].pk, label="admin", user=admin)
    answer = authorize([parse(body | {"evse_id": evse.evse_id})], caller, datetime.now(UTC))[0]
    assert isinstance(answer, Answer)
    return answer.verdict.reason.value
