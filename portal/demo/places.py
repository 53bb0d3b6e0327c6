"""Made-up locations with their stations and EVSEs, as untidy as real ones: missing cities, capitals, double spaces."""

from dataclasses import dataclass
from random import Random

from portal.demo.names import SPOTS, City, filled, untidy
from portal.demo.rows import EvseRow, LocationRow, StationRow


@dataclass(frozen=True, slots=True)
class Place:
    location: LocationRow
    stations: list[StationRow]
    evses: list[EvseRow]


def place(cpo: str, number: int, city: City, dice: Random) -> Place:
    """`number` makes the ids, and so must be the CPO's only one."""
    party = cpo.partition("-")[2]
    location_id = (f"{party}-{number:04d}", f"{party.lower()}_{number}", f"{100_000 + number}")[number % 3]
    stations: list[StationRow] = []
    evses: list[EvseRow] = []
    free = dice.random() < 0.01
    for nth in range(1, dice.choice((1, 1, 1, 2, 2, 3)) + 1):
        identity = f"{party}-{number:04d}-{nth}"
        stations.append(
            StationRow(
                cpo,
                location_id,
                identity,
                authorization_required=not free,
                allow_offline_unknown=dice.random() < 0.1,
                smart_button=dice.random() < 0.05,
            )
        )
        for socket in range(1, dice.choice((1, 2, 2)) + 1):
            evses.append(
                EvseRow(cpo, location_id, identity, f"{nth}-{socket}", _evse_id(cpo, number, nth, socket, dice))
            )
    return Place(_location(cpo, location_id, number, city, dice), stations, evses)


def _evse_id(cpo: str, number: int, nth: int, socket: int, dice: Random) -> str:
    """Mostly with separators, now and then without or in small letters."""
    text = f"{cpo.replace('-', '*')}*E{number:05d}*{nth}{socket}"
    chance = dice.random()
    return text.replace("*", "") if chance < 0.1 else text.lower() if chance < 0.15 else text


def _location(cpo: str, location_id: str, number: int, city: City, dice: Random) -> LocationRow:
    street = f"{dice.choice(city.streets)} {dice.randint(1, 240)}"
    name = dice.choice(
        (street, street, f"{dice.choice(SPOTS)} {city.name}", f"{city.name} - {street} - {number:02d}", "")
    )
    near = (city.latitude + dice.uniform(-0.06, 0.06), city.longitude + dice.uniform(-0.06, 0.06))
    latitude, longitude = (None, None) if dice.random() < 0.05 else (round(near[0], 6), round(near[1], 6))
    return LocationRow(
        cpo=cpo,
        location_id=location_id,
        name=untidy(name, dice),
        address="" if dice.random() < 0.05 else street,
        city="" if dice.random() < 0.15 else untidy(city.name, dice),
        postal_code="" if dice.random() < 0.2 else filled(city.postal_codes, dice),
        country="" if dice.random() < 0.03 else city.country,
        latitude=latitude,
        longitude=longitude,
        time_zone=city.zone,
        published=dice.random() >= 0.02,
    )
