"""A day of decisions: questions such as chargers ask, answered by the engine as of their own minute, and logged.

Which question is asked is made up; the answer and its reason are what the rules in the database say.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from authorization.engine.decide import decide
from authorization.models import Decision
from authorization.questions import BadQuestion, Question, parse
from authorization.services import Answer, Caller, authenticate, create_key
from authorization.services.charging import log_row
from authorization.spool import DECIDED_AT, DatabaseLog, Row
from authorization.store import DatabaseStore
from locations.models import CPO
from portal.demo import cast
from portal.demo.rows import EvseRow, TokenRow, World
from portal.demo.world import build

QUESTIONS = 600
# How busy each hour of the day is (UTC), from midnight.
_BUSY = (2, 1, 1, 1, 2, 4, 8, 14, 18, 12, 9, 9, 11, 10, 9, 10, 14, 20, 22, 18, 12, 8, 5, 3)
_TYPES = {"RFID": "ISO14443", "MAC_ADDRESS": "mac_address", "KEY_CODE": "key_code", "EMAID": "e_maid"}


@dataclass(frozen=True, slots=True)
class Asked:
    """By the back office of this CPO."""

    cpo: str
    body: dict[str, str]


def live_through(seed: int, now: datetime) -> int:
    """Logs the 24 hours before `now`, unless this seed's day has been logged. Returns how many decisions are new.

    It is a day of the small world of this seed, whose rows are in the database.
    """
    prefix = f"demo-{seed}-"
    if Decision.objects.filter(request_id__startswith=prefix).exists():
        return 0
    dice = Random(f"{seed}:day")  # noqa: S311
    asked = Asking(build("small", seed, now), dice).questions(QUESTIONS)
    moments = sorted(_moment(now, dice) for _ in asked)
    by_cpo: dict[str, list[tuple[datetime, Question]]] = {}
    for number, (moment, each) in enumerate(zip(moments, asked, strict=True), 1):
        by_cpo.setdefault(each.cpo, []).append((moment, parse(each.body | {"id": f"{prefix}{number:04d}"})))
    rows = [row for code, questions in by_cpo.items() for row in _answered(_back_office(code, now), questions)]
    DatabaseLog().write(sorted(rows, key=lambda row: row[DECIDED_AT]))
    return len(rows)


def _back_office(code: str, now: datetime) -> Caller:
    """The CPO's own system, with a key that nobody else ever sees."""
    country_code, party_id = code.split("-")
    cpo = CPO.objects.get(country_code=country_code, party_id=party_id)
    caller = authenticate(create_key(name=f"Back office {code} (demo)", cpo=cpo)[1], now)
    assert caller is not None  # noqa: S101
    return caller


def _answered(caller: Caller, questions: list[tuple[datetime, Question]]) -> list[Row]:
    """One read of the rules for all of them; each is decided as of its own moment."""
    loaded = DatabaseStore().load([question for _, question in questions], caller)
    rows = []
    for (moment, question), facts in zip(questions, loaded.facts, strict=True):
        if isinstance(facts, BadQuestion):
            continue
        verdict = decide(facts.request, loaded.rules, moment)
        rows.append(log_row(Answer(question, facts, verdict, moment, loaded.revision, loaded.source), caller))
    return rows


def _moment(now: datetime, dice: Random) -> datetime:
    """Some time in the last 24 hours, sooner in a busy hour."""
    while True:
        moment = now - timedelta(seconds=dice.uniform(30, 86_000))
        if dice.uniform(0, max(_BUSY)) <= _BUSY[moment.hour]:
            return moment.replace(microsecond=0)


class Asking:
    """Who asks for what. Every kind of question comes at least once, then as often as its weight says."""

    def __init__(self, world: World, dice: Random) -> None:
        self.dice = dice
        self.evses = [row for row in world.evses if row.evse_id]
        blocked = {row.code for row in world.emsps if row.blocked}
        self.cards = [row for row in world.tokens if row.emsp and row.emsp not in blocked and row.type in _TYPES]
        self.kinds: list[tuple[int, Callable[[], Asked]]] = [
            (300, self.somebody_somewhere),
            (60, lambda: self.at("NL*GFX*EDEPOT*1", "TV-2")),
            (12, lambda: self.at("nl*gfx*eDEPOT*2", "TV-5")),
            (40, lambda: self.at("NL*GFX*EHQ0001", "TV-3")),
            (12, lambda: self.at("NL*GFX*EHQ0001", "TV-2")),
            (20, lambda: self.at("DE*WTS*E1001*A*1", "K/0001")),
            (14, lambda: self.at("DE*WTS*E1004*A*1", "K/0001")),
            (8, lambda: self.at("DE*WTS*E1004*B*2", "TV-5")),
            (10, lambda: self.at("DE*WTS*E1004*A*1", "R1")),
            (6, lambda: self.at("DE*WTS*E1003*A*1", "TV-1")),
            (6, lambda: self.at("+49*810*1002*1", "TV-1")),
            (15, lambda: self.at("MA*ATR*EPORT1", "douane")),
            (14, lambda: self.card("04EE0000000001")),
            (10, lambda: self.card("04BAD000000001")),
            (6, lambda: self.card("04BAD000000002")),
            (8, lambda: self.card("04DEADBEEF0001")),
            (8, lambda: self.card("04B0B0B0B0B0B0")),
            (8, lambda: self.contract(cast.EXTERNAL_LISTED, "NL*GFX*EHQ0001")),
            (8, lambda: self.contract(cast.EXTERNAL_UNLISTED, cast.DEMO_QUESTION["evse_id"])),
            (18, lambda: Asked("AU-LHE", {"token_type": "no_authorization", "evse_id": "AU*LHE*EJETTY1"})),
            (8, self.nothing_presented),
            (18, lambda: self.card(f"04{dice.getrandbits(48):012X}")),
            (8, self.nowhere),
        ]

    def questions(self, count: int) -> list[Asked]:
        weights = [weight for weight, _ in self.kinds]
        drawn = self.dice.choices(self.kinds, weights, k=count - len(self.kinds))
        asked = [kind() for _, kind in (*self.kinds, *drawn)]
        self.dice.shuffle(asked)
        return asked

    def somebody_somewhere(self) -> Asked:
        return self._ask(self.dice.choice(self.evses), self.dice.choice(self.cards))

    def at(self, evse_id: str, customer: str) -> Asked:
        """A card of this customer at this EVSE."""
        cards = [row for row in self.cards if row.customer == customer and row.type in ("RFID", "MAC_ADDRESS")]
        return self._ask(self._evse(evse_id), self.dice.choice(cards))

    def card(self, uid: str) -> Asked:
        """A card of this Chip ID, wherever."""
        return self._ask(self.dice.choice(self.evses), TokenRow(None, None, None, "RFID", uid, None))

    def contract(self, auth_id: str, evse_id: str) -> Asked:
        return self._ask(self._evse(evse_id), TokenRow(None, None, None, "EMAID", auth_id, auth_id))

    def nothing_presented(self) -> Asked:
        evse = self._evse(cast.DEMO_QUESTION["evse_id"])
        return Asked(evse.cpo, {"token_type": "no_authorization", "evse_id": evse.evse_id or ""})

    def nowhere(self) -> Asked:
        """An EVSE that another CPO has: to this one it is unknown."""
        card = self.dice.choice(self.cards)
        return Asked("NP-HIM", self._ask(self._evse("CA*AVL*E0001*1"), card).body)

    def _evse(self, evse_id: str) -> EvseRow:
        return next(row for row in self.evses if row.evse_id == evse_id)

    def _ask(self, evse: EvseRow, card: TokenRow) -> Asked:
        body = {"id_token": card.uid or "", "token_type": _TYPES[card.type], "evse_id": evse.evse_id or ""}
        return Asked(evse.cpo, body)
