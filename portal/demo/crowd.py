"""Everybody else, for the sizes medium and large: rows made one by one from numbers, so a million needs little memory.

A sixth of the locations is restricted by whitelists and a tenth of the customers is tied to places; blacklists are
spread thinly. So most questions are answered by ALLOWED, as in real life, and every other reason is met.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from portal.demo.names import CITIES, company, person
from portal.demo.places import Place, place
from portal.demo.rows import (
    CpoRow,
    CustomerRow,
    DriverRow,
    EmspRow,
    EvseRow,
    ExceptionRow,
    GroupRow,
    LinkRow,
    ListRow,
    LocationRow,
    MemberRow,
    StationRow,
    TokenRow,
    World,
)


@dataclass(frozen=True, slots=True)
class Measure:
    """How many of each there are beside the cast's."""

    cpos: int
    locations: int
    emsps: int
    customers: int
    drivers: int
    tokens: int
    exceptions: int


MEASURES = {
    "medium": Measure(cpos=14, locations=950, emsps=8, customers=1_500, drivers=9_000, tokens=49_700, exceptions=400),
    "large": Measure(
        cpos=60, locations=100_000, emsps=40, customers=40_000, drivers=200_000, tokens=1_000_000, exceptions=10_000
    ),
}
_COUNTRIES = ("NL", "DE", "FR", "GB", "IE", "CL", "AU", "US", "CA", "MA", "SI", "AT")
_CITIES = list(CITIES.values())
_MASK = (1 << 48) - 1


def crowd(measure: Measure, seed: int, now: datetime) -> World:
    made = Crowd(measure, seed, now)
    return World(
        cpos=made.cpos(),
        locations=made.locations(),
        stations=made.stations(),
        evses=made.evses(),
        emsps=made.emsps(),
        customers=made.customers(),
        drivers=made.drivers(),
        tokens=made.tokens(),
        groups=made.groups(),
        members=made.members(),
        exceptions=made.exceptions(),
        links=made.links(),
        lists=made.lists(),
    )


@dataclass(slots=True)
class Crowd:
    measure: Measure
    seed: int
    now: datetime
    cpo_groups: list[str] = field(init=False)
    emsp_groups: list[str] = field(init=False)
    location_groups: list[str] = field(init=False)
    customer_groups: list[str] = field(init=False)
    driver_groups: list[str] = field(init=False)
    token_groups: list[str] = field(init=False)

    def __post_init__(self) -> None:
        many = self.measure.exceptions
        self.cpo_groups = [f"Networks {number:03d}" for number in range(max(3, many // 200))]
        self.emsp_groups = [f"Providers {number:03d}" for number in range(max(3, many // 200))]
        self.location_groups = [f"Sites {number:05d}" for number in range(max(10, many // 5))]
        self.customer_groups = [f"Customers {number:05d}" for number in range(max(10, many // 8))]
        self.driver_groups = [f"Drivers {number:05d}" for number in range(max(5, many // 20))]
        self.token_groups = [f"Cards {number:05d}" for number in range(max(5, many // 8))]

    def dice(self, what: str, number: int | str = "") -> Random:
        return Random(f"{self.seed}:{what}:{number}")  # noqa: S311

    # Parties, numbered from 0. A third of the CPOs are sub-CPOs of the one before.

    def cpo(self, number: int) -> str:
        return f"{_COUNTRIES[number % len(_COUNTRIES)]}-Q{number:02d}"

    def emsp(self, number: int) -> str:
        return f"{_COUNTRIES[number % len(_COUNTRIES)]}-Y{number:02d}"

    def cpos(self) -> Iterator[CpoRow]:
        for number in range(self.measure.cpos):
            dice = self.dice("cpo", number)
            parent = self.cpo(number - 1) if number % 3 == 2 else None
            yield CpoRow(self.cpo(number), f"{company(dice)} Charging", parent, dice.choice(_CITIES).zone)

    def emsps(self) -> Iterator[EmspRow]:
        for number in range(self.measure.emsps):
            yield EmspRow(self.emsp(number), f"{company(self.dice('emsp', number))} Mobility", blocked=number == 7)

    # Places. Location n is of CPO n modulo their number.

    def _place(self, number: int) -> Place:
        dice = self.dice("place", number)
        return place(self.cpo(number % self.measure.cpos), number, dice.choice(_CITIES), dice)

    def location_key(self, number: int) -> tuple[str, str]:
        row = self._place(number).location
        return row.cpo, row.location_id

    def locations(self) -> Iterator[LocationRow]:
        return (self._place(number).location for number in range(self.measure.locations))

    def stations(self) -> Iterator[StationRow]:
        return (row for number in range(self.measure.locations) for row in self._place(number).stations)

    def evses(self) -> Iterator[EvseRow]:
        return (row for number in range(self.measure.locations) for row in self._place(number).evses)

    # Customers, drivers, tokens. Customer n is of eMSP n modulo their number, driver n of customer n modulo theirs.

    def customer_key(self, number: int) -> tuple[str, str]:
        return self.emsp(number % self.measure.emsps), f"Q{number:06d}"

    def driver_key(self, number: int) -> tuple[str, str]:
        return self.customer_key(number % self.measure.customers)[0], f"QD{number:07d}"

    def uid(self, number: int) -> str:
        """Of card n: seven bytes that look random. An odd factor modulo 2^48 never gives the same twice."""
        return f"04{(number * 0x9E3779B97F4A7C15 + self.seed * 0x5851F42D4C957F2D) & _MASK:012X}"

    def customers(self) -> Iterator[CustomerRow]:
        dice = self.dice("customers")
        for number in range(self.measure.customers):
            emsp, external_id = self.customer_key(number)
            yield CustomerRow(emsp, external_id, company(dice), blocked=dice.random() < 0.01)

    def drivers(self) -> Iterator[DriverRow]:
        dice = self.dice("drivers")
        for number in range(self.measure.drivers):
            customer = self.customer_key(number % self.measure.customers)[1]
            emsp, external_id = self.driver_key(number)
            yield DriverRow(emsp, customer, external_id, person(dice), blocked=dice.random() < 0.005)

    def tokens(self) -> Iterator[TokenRow]:
        dice = self.dice("tokens")
        owner: tuple[str, str | None, str | None] = ("", None, None)
        contract = 0
        for number in range(self.measure.tokens):
            if number == 0 or dice.random() > 0.2:  # else one more card of the same contract
                owner, contract = self._owner(dice), number
            yield self._token(number, owner, contract, dice)

    def _owner(self, dice: Random) -> tuple[str, str | None, str | None]:
        driver = dice.randrange(self.measure.drivers)
        customer = driver % self.measure.customers
        emsp, external_id = self.customer_key(customer)
        chance = dice.random()
        if chance < 0.05:
            return emsp, None, None
        return emsp, external_id, None if chance < 0.15 else self.driver_key(driver)[1]

    def _token(self, number: int, owner: tuple[str, str | None, str | None], contract: int, dice: Random) -> TokenRow:
        # The check digit is left out, as it may be: a million of them would take minutes.
        party = owner[0].replace("-", "")
        auth_id = f"{party}C{contract:08d}" if number % 2 else f"{party[:2]}-{party[2:]}-C{contract:08d}"
        kind = number % 20
        type_, uid = "RFID", self.uid(number)
        if kind == 0:
            type_, uid = "APP_USER", f"user-{number:08d}"
        elif kind == 1 and contract == number:
            type_, uid = "EMAID", auth_id
        chance = dice.random()
        days = -dice.randint(1, 400) if chance < 0.02 else dice.randint(100, 1500)
        return TokenRow(
            *owner,
            type=type_,
            uid=uid,
            auth_id=auth_id,
            visual_number=f"{number:08d}",
            valid=dice.random() >= 0.02,
            expires_at=self.now + timedelta(days=days) if chance < 0.5 else None,
        )

    # The first 30 % of the site groups hold restricted locations, the first 20 % of the customer groups tied ones.

    def groups(self) -> Iterator[GroupRow]:
        yield from (GroupRow(name, "cpo", None) for name in self.cpo_groups)
        yield from (GroupRow(name, "emsp", None) for name in self.emsp_groups)
        yield from (GroupRow(name, "location", None) for name in self.location_groups)
        yield from (GroupRow(name, "customer", None) for name in self.customer_groups)
        yield from (GroupRow(name, "driver", None) for name in self.driver_groups)
        yield from (GroupRow(name, "token", None) for name in self.token_groups)

    def members(self) -> Iterator[MemberRow]:
        dice, m = self.dice("members"), self.measure
        for name in self.cpo_groups:
            yield from (MemberRow(name, "cpo", self.cpo(number), "") for number in _some(dice, 0, m.cpos, 1, 3))
        for name in self.emsp_groups:
            yield from (MemberRow(name, "emsp", self.emsp(number), "") for number in _some(dice, 0, m.emsps, 1, 2))
        for nth, name in enumerate(self.location_groups):
            end = m.locations // 6 if nth < len(self.location_groups) * 0.3 else m.locations
            for number in _some(dice, 0, end, 5, 40):
                yield MemberRow(name, "location", *self.location_key(number))
        for nth, name in enumerate(self.customer_groups):
            tied = nth < len(self.customer_groups) * 0.2
            first, end = (0, m.customers // 10) if tied else (m.customers // 10, m.customers)
            for number in _some(dice, first, end, 3, 30):
                yield MemberRow(name, "customer", *self.customer_key(number))
        for name in self.driver_groups:
            for number in _some(dice, 0, m.drivers, 10, 80):
                emsp, external_id = self.driver_key(number)
                customer = self.customer_key(number % m.customers)[1]
                yield MemberRow(name, "driver", emsp, f"{customer} {external_id}")
        for name in self.token_groups:
            for number in _some(dice, 0, m.tokens // 20, 10, 100):
                yield MemberRow(name, "token", "RFID", self.uid(number * 20 + 2))

    # Exceptions, numbered from 0.

    def exceptions(self) -> Iterator[ExceptionRow]:
        today = self.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        for number in range(self.measure.exceptions):
            dice = self.dice("exception", number)
            action, direction = self._kind(number)
            first, last = dice.choice(((None, None), (None, None), (-90, 200), (-300, 90), (-200, -20), (15, 100)))
            yield ExceptionRow(
                name=f"Agreement {number:05d}",
                action=action,
                direction=direction,
                owner=None,
                valid_from=None if first is None else today + timedelta(days=first, hours=dice.randrange(24)),
                valid_until=None if last is None else today + timedelta(days=last, hours=dice.randrange(24)),
                enabled=dice.random() >= 0.05,
                notes="",
            )

    def _kind(self, number: int) -> tuple[str, str]:
        return (
            ("whitelist", "emsp_for_cpo"),
            ("blacklist", "emsp_for_cpo"),
            ("whitelist", "cpo_for_emsp"),
            ("blacklist", "cpo_for_emsp"),
        )[number % 4]

    def links(self) -> Iterator[LinkRow]:
        for number in range(self.measure.exceptions):
            dice = self.dice("links", number)
            for name in self._sides(*self._kind(number), dice):
                yield LinkRow(f"Agreement {number:05d}", name)

    def _sides(self, action: str, direction: str, dice: Random) -> list[str]:
        """Whitelists keep to restricted locations and tied customers; some blacklists are about a whole party."""
        fifth = len(self.customer_groups) // 5
        sites = self.location_groups
        people = self.customer_groups[fifth:] + self.driver_groups + self.token_groups
        chance = dice.random()
        if action == "blacklist" and chance < 0.15:
            sites = self.cpo_groups
        elif action == "blacklist" and chance < 0.3:
            people = self.emsp_groups
        elif action == "whitelist" and direction == "emsp_for_cpo":
            sites = sites[: len(sites) * 3 // 10]
        elif action == "whitelist":
            people = self.customer_groups[:fifth]
        return [*dice.sample(sites, dice.randint(1, 3)), *dice.sample(people, dice.randint(1, 2))]

    def lists(self) -> Iterator[ListRow]:
        """Every thirtieth location is private: some customers, and cards by their Chip ID."""
        for number in range(5, self.measure.locations, 30):
            dice, key = self.dice("list", number), self.location_key(number)
            for customer in _some(dice, 0, self.measure.customers, 1, 3):
                yield ListRow(*key, "customer", *self.customer_key(customer))
            for card in _some(dice, 0, self.measure.tokens // 20, 0, 4):
                yield ListRow(*key, "token", "RFID", self.uid(card * 20 + 3))


def _some(dice: Random, first: int, end: int, least: int, most: int) -> list[int]:
    """Between `least` and `most` different numbers of [first, end), as far as there are that many."""
    many = dice.randint(least, most)
    return dice.sample(range(first, end), min(many, end - first))
