"""The world as rows: the cast, what fills the space between, and for the larger sizes a crowd of other parties."""

from datetime import datetime, timedelta
from itertools import chain
from random import Random

from portal.demo import cast
from portal.demo.crowd import MEASURES, crowd
from portal.demo.names import CITIES, company, person
from portal.demo.places import Place, place
from portal.demo.rows import CustomerRow, DriverRow, TokenRow, World

SIZES = ("small", *MEASURES)
# How many more locations each CPO of the cast has, and where.
_PLACES = {
    "NL-GFX": (9, ("Amsterdam", "Utrecht", "'s-Hertogenbosch", "Groningen", "Kralendijk")),
    "NL-GFP": (4, ("Amsterdam", "Utrecht")),
    "DE-WTS": (8, ("Rotenburg (Wümme)", "Bremen")),
    "AU-LHE": (3, ("Lord Howe Island",)),
    "NP-HIM": (5, ("Kathmandu", "Pokhara")),
    "CA-AVL": (6, ("St. John's", "Corner Brook", "Happy Valley-Goose Bay")),
    "MA-ATR": (5, ("Casablanca", "Rabat", "Laâyoune")),
}
_CUSTOMERS = 6  # more of each eMSP


def build(size: str, seed: int, now: datetime) -> World:
    """The same seed gives the same rows; times of validity and expiry count from `now`."""
    world = _core(seed, now)
    if size not in MEASURES:
        return world
    more = crowd(MEASURES[size], seed, now)
    return World(*(chain(getattr(world, name), getattr(more, name)) for name in World.__dataclass_fields__))


def core_places(seed: int) -> list[Place]:
    """The locations of the cast's CPOs that have no story."""
    dice = Random(f"{seed}:places")  # noqa: S311
    return [
        place(cpo, number, CITIES[dice.choice(cities)], dice)
        for cpo, (count, cities) in _PLACES.items()
        for number in range(1, count + 1)
    ]


def _core(seed: int, now: datetime) -> World:
    places = core_places(seed)
    customers, drivers, tokens = _people(seed, now)
    return World(
        cpos=cast.CPOS,
        locations=[*cast.LOCATIONS, *(each.location for each in places)],
        stations=[*cast.STATIONS, *(row for each in places for row in each.stations)],
        evses=[*cast.EVSES, *(row for each in places for row in each.evses)],
        emsps=cast.EMSPS,
        customers=[*cast.CUSTOMERS, *customers],
        drivers=[*cast.DRIVERS, *drivers],
        tokens=[*cast.tokens(now), *tokens],
        groups=cast.GROUPS,
        members=cast.MEMBERS,
        exceptions=cast.exceptions(now),
        links=cast.LINKS,
        lists=cast.LISTS,
    )


def _people(seed: int, now: datetime) -> tuple[list[CustomerRow], list[DriverRow], list[TokenRow]]:
    dice = Random(f"{seed}:people")  # noqa: S311
    customers: list[CustomerRow] = []
    drivers: list[DriverRow] = []
    tokens: list[TokenRow] = []
    number = 0
    for emsp in cast.EMSPS:
        for nth in range(1, _CUSTOMERS + 1):
            customer = CustomerRow(emsp.code, f"C-{1000 + nth}", company(dice))
            customers.append(customer)
            for _ in range(dice.randint(2, 5)):
                number += 1
                driver = DriverRow(emsp.code, customer.external_id, f"D-{number:04d}", person(dice))
                drivers.append(driver)
                tokens += cards(driver, 30_000 + number, dice, now)
    return customers, drivers, tokens


def cards(driver: DriverRow, number: int, dice: Random, now: datetime) -> list[TokenRow]:
    """One card, often more, all of one contract, whose Auth ID is not always written alike."""
    rows = [_card(driver, number, dice, now)]
    if dice.random() < 0.35:
        rows.append(_card(driver, number, dice, now))
    if dice.random() < 0.3:
        auth_id = cast.contract(driver.emsp, number, form="")
        rows.append(TokenRow(driver.emsp, driver.customer, driver.external_id, "EMAID", auth_id, auth_id))
    if dice.random() < 0.25:
        auth_id = cast.contract(driver.emsp, number)
        uid = f"app-{dice.getrandbits(40):010x}"
        rows.append(
            TokenRow(driver.emsp, driver.customer, driver.external_id, "APP_USER", uid, auth_id, whitelist="NEVER")
        )
    return rows


def _card(driver: DriverRow, number: int, dice: Random, now: datetime) -> TokenRow:
    plain = f"04{dice.getrandbits(48):012X}" if dice.random() < 0.8 else f"{dice.getrandbits(32):08X}"
    uid = dice.choice((plain, plain, plain.lower(), ":".join(plain[at : at + 2] for at in range(0, len(plain), 2))))
    chance = dice.random()
    expires = now + timedelta(days=dice.randint(200, 1500)) if chance < 0.5 else None
    if chance > 0.95:
        expires = now - timedelta(days=dice.randint(2, 300))
    return TokenRow(
        emsp=driver.emsp,
        customer=driver.customer,
        driver=driver.external_id,
        type="RFID",
        uid=uid,
        auth_id=cast.contract(driver.emsp, number, form=dice.choice(("-", "-", "", "lower"))),
        visual_number=f"{driver.emsp[3:]} {number:06d}" if dice.random() < 0.8 else "",
        issuer=dice.choice(("", driver.emsp[3:], "MOBILITY CARD")),
        valid=dice.random() >= 0.03,
        whitelist=dice.choice(("ALLOWED", "ALLOWED", "ALWAYS", "ALLOWED_OFFLINE")),
        expires_at=expires,
        language=dice.choice(("", "nl", "de", "en", "fr")),
    )
