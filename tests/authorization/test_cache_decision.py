"""The scenarios and random worlds once more, answered from the compiled copy: at first, and after any change."""

import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from itertools import chain, count, islice, product
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from authorization.facts import Facts
from authorization.models import Decision
from authorization.questions import BadQuestion, parse
from authorization.services import Answer, Caller, authorize
from authorization.store import DatabaseStore, Store
from locations.models import CPO, EVSE, ChargeStation, Location
from tests import factories, naive, naive_orm
from tests.authorization.database_world import TOKEN_TYPES, body_of, caller_of, fitted, read, save
from tests.authorization.random_changes import AUTH_IDS, CHANGES, UIDS, Dice, Nothing
from tests.authorization.served_copy import ServedCopy, answering, compiled, served_copy
from tests.engine.random_worlds import Case, cases
from tests.refusals import at_commit, sql
from tests.worlds import Ask, Scenario, load_scenarios
from tokens.models import Token

pytestmark = pytest.mark.django_db


class NoLog:
    """For questions by the thousand, of which other tests see that they are logged."""

    def write(self, rows: Any) -> None:
        pass


@pytest.mark.parametrize("scenario", load_scenarios(), ids=lambda scenario: scenario.name)
def test_scenarios_hold_from_the_copy(scenario: Scenario, tmp_path: Path) -> None:
    saved = save(fitted(scenario.world))
    with served_copy(tmp_path) as copy, answering(copy.store):
        for ask in scenario.asks:
            question, caller = parse(body_of(saved, ask)), caller_of(saved, ask)
            copy.catch_up()  # with the key that asks
            answer = authorize([question], caller, ask.at)[0]
            assert isinstance(answer, Answer)
            assert (answer.verdict.status, answer.verdict.reason) == (ask.status, ask.reason), ask.say
            rule = saved.exceptions[ask.because].pk if ask.because else answer.verdict.rule
            assert answer.verdict.rule == rule, ask.say
            assert (answer.source, answer.revision) == ("cache", copy.writer.meta.revision)
    assert Decision.objects.filter(source="cache").count() == len(scenario.asks)


EXAMPLES, TRANSACTIONS = 14, 12
made: Counter[str] = Counter()
# Every kind of change comes up as often as any other.
deck = chain.from_iterable(random.Random(n).sample(sorted(CHANGES), len(CHANGES)) for n in count())


@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],  # to make a failure smaller would take minutes
)  # fmt: skip
@given(cases(), st.integers(0, 2**32 - 1))
def test_after_any_changes_the_copy_is_what_a_full_compile_makes_and_answers_alike(
    tmp_path_factory: pytest.TempPathFactory, case: Case, seed: int
) -> None:
    dice = Dice(seed, case.jump)
    with transaction.atomic():
        if from_nothing := dice.flag():
            sql("UPDATE tokens_emsp SET name = name")  # a revision of this test's own
        else:
            _begin(case)
        with served_copy(tmp_path_factory.mktemp("copies")) as copy:
            if from_nothing:
                _begin(case)
                assert copy.catch_up()
            for number in range(TRANSACTIONS):
                names = list(islice(deck, dice.randint(1, 5)))
                done = [name for name in names if _try(name, dice)]
                made["anew"] += not copy.catch_up()
                assert copy.documents() == compiled(), done
                if number % 4 == 1:
                    _agree(copy, dice, case.at)
        transaction.set_rollback(True)


def test_every_kind_of_change_was_really_made() -> None:
    """By the test above, whose examples are the same on every run."""
    assert not {name for name in CHANGES if made[name] == 0}, made
    assert sum(made[reason] > 0 for reason in naive.ROWS) > 9, made
    assert made["rolled back"] > EXAMPLES
    assert made["questions"] > 100 * EXAMPLES
    assert made["anew"] <= made["truncate"]


def _begin(case: Case) -> None:
    saved = save(fitted(case.world))
    factories.admin()
    User.objects.create_user("manager")
    caller_of(saved, Ask("", case.at, "", "", by="c0"))


class RolledBack(Exception):
    """Nothing came of it."""


def _try(name: str, dice: Dice) -> bool:
    """Makes one change, if there is something to change and the database lets it; some of them are rolled back."""
    try:
        with transaction.atomic():
            CHANGES[name](dice)
            at_commit()
            if dice.random() < 0.1:
                raise RolledBack
    except (IntegrityError, Nothing):
        made["refused"] += 1
        return False
    except RolledBack:
        made["rolled back"] += 1
        return False
    made[name] += 1
    return True


def _agree(copy: ServedCopy, dice: Dice, at: datetime) -> None:
    asks = _asks(dice, at)
    for caller in _callers(dice):
        cached, true = (_answers(store, asks, caller, at) for store in (copy.store, DatabaseStore()))
        for (_, body), one, other in zip(asks, cached, true, strict=True):
            made["questions"] += 1
            if isinstance(one, BadQuestion):
                assert isinstance(other, BadQuestion)
                assert (one.code, one.id) == (other.code, other.id)
                continue
            assert isinstance(other, Answer), body
            assert (one.source, one.revision) == ("cache", other.revision)
            assert _in_order(one.facts) == _in_order(other.facts), body
            assert one.verdict == other.verdict, body
            made[one.verdict.reason.value] += 1

    _agree_with_naive(copy, dice, asks, at)


def _in_order(facts: Facts) -> Facts:
    """The order of tokens means nothing: one decides whichever comes first."""
    tokens = sorted(facts.request.tokens, key=lambda token: token.key)
    return facts._replace(request=facts.request._replace(tokens=tuple(tokens)))


def _agree_with_naive(copy: ServedCopy, dice: Dice, asks: Sequence[tuple[Ask, Any]], at: datetime) -> None:
    world = read()
    admin = User.objects.filter(is_superuser=True, is_active=True).first()
    callers = [(None, Caller(0, "", user=admin))] if admin else []
    if CPO.objects.exists():
        cpo = dice.row(CPO)
        callers.append((str(cpo.pk), Caller(0, "", cpo=cpo.pk)))
    for by, caller in dice.sample(callers, min(1, len(callers))):
        answers = _answers(copy.store, asks, caller, at)
        known = [(ask, answer) for (ask, _), answer in zip(asks, answers, strict=True) if isinstance(answer, Answer)]
        for ask, answer in known:
            by_naive = naive.answer(world, Ask(**{**ask.__dict__, "by": by}), at)
            assert answer.verdict.reason == by_naive, ask
        for ask, answer in dice.sample(known, min(1, len(known))):
            assert answer.verdict.reason == _orm_answer(ask, by, at), ask


def _answers(store: Store, asks: Sequence[tuple[Ask, Any]], caller: Caller, at: datetime) -> list[Any]:
    with answering(store, NoLog()):
        return authorize([parse(body | {"id": "same"}) for _, body in asks], caller, at)


def _callers(dice: Dice) -> list[Caller]:
    """Two users, one of them Admin if there is one, and a CPO or a station."""
    callers = [Caller(0, "", user=user) for user in User.objects.order_by("-is_superuser", "pk")[:2]]
    with suppress(Nothing):
        scope = {"cpo": dice.row(CPO).pk} if dice.flag() else {"station": dice.row(ChargeStation).pk}
        callers.append(Caller(0, "", **scope))
    return callers


def _asks(dice: Dice, at: datetime) -> list[tuple[Ask, dict[str, Any]]]:
    """Questions as the naive implementations take them, and as a charger sends them."""
    times = Counter(Location.objects.values_list("location_id", flat=True))
    places: list[tuple[dict[str, str], dict[str, str]]] = [
        ({"location": row.location_id}, {"location_id": row.location_id})
        if times[row.location_id] == 1
        else ({"location": f"one of two {row.pk}"}, {"location_id": row.location_id, "cpo": row.cpo.code})
        for row in Location.objects.order_by("pk")
    ]
    places += [({"station": row.identity}, {"station": row.identity}) for row in ChargeStation.objects.order_by("pk")]
    places += [({"evse": row.evse_id}, {"evse_id": row.evse_id}) for row in EVSE.objects.order_by("pk") if row.evse_id]
    places += [({"location": "nowhere"}, {"location_id": "nowhere"})]
    who: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"uid": row.uid, "type": row.type}, {"id_token": row.uid, "token_type": TOKEN_TYPES.get(row.type, "local")})
        for row in Token.objects.order_by("pk")
        if row.uid and row.type != "EMAID"
    ]
    who += [({"uid": uid, "type": "RFID"}, {"id_token": uid}) for uid in UIDS[:2]]
    auth_ids = [auth_id for auth_id in AUTH_IDS if auth_id]
    who += [({"auth_id": auth_id}, {"id_token": auth_id, "token_type": "e_maid"}) for auth_id in auth_ids]
    who += [({"no_authorization": True}, {"token_type": "no_authorization"})]
    pairs = list(product(places, who))
    return [
        (Ask("", at, "", "", **place, **card), place_body | card_body)
        for (place, place_body), (card, card_body) in dice.sample(pairs, min(50, len(pairs)))
    ]


def _orm_answer(ask: Ask, by: str | None, at: datetime) -> str:
    evse = EVSE.objects.filter(evse_id=ask.evse).first() if ask.evse else None
    station = ChargeStation.objects.filter(identity=ask.station).first() if ask.station else evse and evse.station
    place = evse.location if evse else station.location if station else None
    if ask.location:
        pk = ask.location.removeprefix("one of two ")
        named = Location.objects.filter(pk=pk) if pk != ask.location else Location.objects.filter(location_id=pk)
        place = named.first()
    cpo = place.cpo if place else None
    while by and cpo is not None and str(cpo.pk) != by:
        cpo = cpo.parent
    tokens: list[Token] | None = None
    if ask.auth_id:
        form = ask.auth_id.replace("-", "").upper()
        rows = [t for t in Token.objects.all() if t.auth_id and t.auth_id.replace("-", "").upper() == form]
        tokens = [token for token in rows if token.type == "EMAID"] or rows
    elif not ask.no_authorization:
        tokens = list(Token.objects.filter(type=ask.type, uid=ask.uid))
    free = station is not None and not station.authorization_required
    return naive_orm.answer(place if cpo else None, free, tokens, at)
