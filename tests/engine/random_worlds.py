"""Random small worlds around a moment at which some zone's clock jumps, dense enough that rules overlap."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.worlds import CPO, EMSP, Ask, ChargeException, Customer, Driver, Group, Location, Token, World, checked

QUARTER = timedelta(minutes=15)  # every zone here is at, and jumps by, whole quarters of an hour
# A zone, and an instant near which its clock jumps (or, for Kathmandu and UTC, does not).
JUMPS = [
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("Antarctica/Troll", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Antarctica/Troll", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 10, 29, 21, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 9, 6, 4, tzinfo=UTC)),
    ("Europe/Dublin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("Africa/Casablanca", datetime(2026, 3, 22, 2, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 3, 8, 5, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 11, 21, 10, tzinfo=UTC)),
    ("UTC", datetime(2026, 11, 21, 10, tzinfo=UTC)),
]
AUTH_IDS = ["NL-EMA-C00000001", "nlemaC00000001", "NL-EMA-C00000002"]
CPO_SIDE = {"cpo": ["c0", "c1", "c2"], "location": ["l0", "l1"]}
EMSP_SIDE = {
    "emsp": ["e0", "e1"], "customer": ["k0", "k1"], "driver": ["d0", "d1"], "token": ["t0", "t1", "t2", "t3"],
}  # fmt: skip

often = st.sampled_from([True, True, False])
rarely = st.sampled_from([False] * 7 + [True])


@dataclass(frozen=True)
class Case:
    """at: when to ask. jump: the instant around which all boundaries and expiries lie, within SPAN."""

    world: World
    ask: Ask
    at: datetime
    jump: datetime


SPAN = timedelta(hours=54)  # 110 quarters of an hour on the wall clock, and the 24 hours that Apia left out
_steps = st.one_of(st.integers(-12, 12), st.integers(-110, 110))

_early_steps = st.one_of(st.integers(-12, 2), st.integers(-12, 2), _steps)  # early, so that something is to come


def some(names: list[str], most: int = 2) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(names), max_size=most, unique=True).map(tuple)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    zone, jump = draw(st.sampled_from(JUMPS))
    world = checked(draw(_worlds(zone, jump)))
    at = jump + draw(_early_steps) * QUARTER + draw(st.sampled_from([0, 0, -1, 1])) * timedelta(microseconds=1)
    return Case(world, draw(_asks(at)), at, jump)


@st.composite
def _worlds(draw: st.DrawFn, zone: str, jump: datetime) -> World:
    groups = {}
    for name, side in [("g0", CPO_SIDE), ("g1", CPO_SIDE), ("g2", CPO_SIDE)] + [(f"h{n}", EMSP_SIDE) for n in range(4)]:
        category = draw(st.sampled_from(sorted(side)))
        auth_ids = draw(some(AUTH_IDS, 1)) if category == "token" else ()
        groups[name] = Group(name, category, draw(some(side[category])), auth_ids)
    wall = jump.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    exceptions = {f"x{n}": draw(_exceptions(f"x{n}", wall)) for n in range(draw(st.integers(0, 6)))}
    locations = {name: draw(_locations(name, zone)) for name in CPO_SIDE["location"]}
    tokens = {name: draw(_tokens(name, jump)) for name in EMSP_SIDE["token"]}
    return World(
        cpos={"c0": CPO("c0", zone=zone), "c1": CPO("c1", "c0", zone), "c2": CPO("c2", "c1", zone)},
        locations=locations,
        emsps={"e0": EMSP("e0"), "e1": EMSP("e1", draw(rarely))},
        customers={"k0": Customer("k0", "e0"), "k1": Customer("k1", "e1", draw(rarely))},
        drivers={"d0": Driver("d0", "k0", draw(rarely)), "d1": Driver("d1", "k1")},
        tokens=tokens,
        groups=groups,
        exceptions=exceptions,
    )


@st.composite
def _locations(draw: st.DrawFn, name: str, zone: str) -> Location:
    private = draw(often) and draw(often)
    return Location(
        name,
        draw(st.sampled_from(CPO_SIDE["cpo"])),
        zone,
        published=not private and not draw(rarely),
        list_customers=draw(some(["k0", "k1"])) if private else (),
        list_tokens=draw(some(["t0", "t1", "t2", "t3"])) if private else (),
        list_auth_ids=draw(some(AUTH_IDS)) if private else (),
        stations={f"{name}-s": True, f"{name}-free": False},
        evses={f"{name}-e": f"{name}-s", f"{name}-e-free": f"{name}-free", f"{name}-e-none": None},
    )


@st.composite
def _tokens(draw: st.DrawFn, name: str, jump: datetime) -> Token:
    if draw(rarely):
        return Token(name, auth_id=draw(st.sampled_from(AUTH_IDS)), external=True)
    holder = draw(st.sampled_from([{"emsp": "e0"}, {"emsp": "e1"}, {"customer": "k0"}, {"customer": "k1"},
                                   {"driver": "d0"}, {"driver": "d1"}]))  # fmt: skip
    expires_at = jump + draw(_steps) * QUARTER if draw(rarely) else None
    auth_id = draw(st.sampled_from([None, *AUTH_IDS]))
    kind = "EMAID" if auth_id and draw(rarely) else "RFID"
    return Token(name, **holder, type=kind, uid=name, auth_id=auth_id, valid=not draw(rarely), expires_at=expires_at)


@st.composite
def _exceptions(draw: st.DrawFn, name: str, wall: datetime) -> ChargeException:
    start, end = sorted(draw(st.lists(_steps, min_size=2, max_size=2, unique=True)))
    return ChargeException(
        name,
        draw(st.sampled_from(["whitelist", "whitelist", "blacklist"])),
        draw(st.sampled_from(["emsp_for_cpo", "cpo_for_emsp"])),
        draw(st.lists(st.sampled_from(["g0", "g1", "g2"]), min_size=1, max_size=2, unique=True).map(tuple)),
        draw(st.lists(st.sampled_from(["h0", "h1", "h2", "h3"]), min_size=1, max_size=2, unique=True).map(tuple)),
        enabled=not draw(rarely),
        valid_from=wall + start * QUARTER if draw(often) else None,
        valid_until=wall + end * QUARTER if draw(often) else None,
    )


@st.composite
def _asks(draw: st.DrawFn, at: datetime) -> Ask:
    place = draw(
        st.sampled_from(
            [{"location": "l0"}, {"location": "l1"}] * 10
            + [{"station": "l0-s"}, {"evse": "l1-e"}, {"evse": "l0-e-none"}, {"station": "l0-free"}]
            + [{"evse": "l1-e-free"}, {"location": "l9"}]
        )
    )
    who = draw(
        st.sampled_from(
            [{"token": name} for name in EMSP_SIDE["token"]] * 4
            + [{"auth_id": auth_id} for auth_id in AUTH_IDS] * 2
            + [{"uid": "t0"}, {"uid": "t9"}, {"no_authorization": True}]
        )
    )
    by = draw(st.sampled_from([None] * 8 + ["c0", "c1"]))
    return Ask("random", at, "", "", **place, **who, by=by)
