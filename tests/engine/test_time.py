"""Windows on the wall clock of zones that jump, under the zone rules of 2026; and Apia, where 2011 lost a day."""

import zoneinfo
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

import portal
from authorization.engine.clock import UnknownZone, crossings, zone_of
from authorization.engine.decide import decide, explain
from authorization.engine.rules import Rules, compile_rules
from authorization.engine.types import Place, Request, Rule, Token

MICROSECOND = timedelta(microseconds=1)
TOKEN = Token(1, (2,), False, None, False, False)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def at_place(zone: str, token: Token = TOKEN) -> Request:
    return Request(Place(1, zone, (1,), False, True, False), (token,))


def blacklist(valid_from: str | None, valid_until: str | None) -> Rules:
    """Rejects exactly while it is active."""
    start = None if valid_from is None else datetime.fromisoformat(valid_from)
    end = None if valid_until is None else datetime.fromisoformat(valid_until)
    return compile_rules([Rule(1, "window", True, True, True, start, end, (1,), (2,))])


def spans(zone: str, rules: Rules, start: datetime, hours: int) -> list[tuple[str, str]]:
    """The spans of UTC in which the rules reject, to the minute, by asking at every one."""
    found: list[tuple[str, str]] = []
    opened: datetime | None = None
    for minute in range(hours * 60):
        at = start + timedelta(minutes=minute)
        rejected = not decide(at_place(zone), rules, at).accepted
        if rejected and opened is None:
            opened = at
        elif not rejected and opened is not None:
            found.append((f"{opened:%m-%d %H:%M}", f"{at:%m-%d %H:%M}"))
            opened = None
    assert opened is None
    return found


def test_zone_rules_are_those_of_pypi() -> None:
    assert portal.__name__
    assert zoneinfo.TZPATH == ()
    # The offsets below are those of 2026's releases; 2025's had other ones.
    assert datetime(2026, 12, 1, tzinfo=ZoneInfo("Africa/Casablanca")).utcoffset() == timedelta(0)
    assert datetime(2026, 12, 1, tzinfo=ZoneInfo("America/Vancouver")).utcoffset() == timedelta(hours=-7)
    assert datetime(2026, 12, 1, tzinfo=ZoneInfo("America/Havana")).utcoffset() == timedelta(hours=-4)


# zone, window on the wall clock, and the spans of UTC in which it is active
REPEATED = [
    # 01:30-02:00 comes twice: half an hour is repeated. A window inside it is active twice.
    ("Australia/Lord_Howe", "2026-04-05 01:30", "2026-04-05 02:00", [("04-04 14:30", "04-04 15:30")]),
    ("Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-05 01:55",
     [("04-04 14:45", "04-04 14:55"), ("04-04 15:15", "04-04 15:25")]),
    # Two hours are repeated, 01:00-03:00.
    ("Antarctica/Troll", "2026-10-25 01:00", "2026-10-25 03:00", [("10-24 23:00", "10-25 03:00")]),
    ("Antarctica/Troll", "2026-10-25 01:30", "2026-10-25 02:00",
     [("10-24 23:30", "10-25 00:00"), ("10-25 01:30", "10-25 02:00")]),
    # At midnight back to 23:00: the day before comes back for an hour.
    ("Africa/Cairo", "2026-10-29 23:15", "2026-10-29 23:30",
     [("10-29 20:15", "10-29 20:30"), ("10-29 21:15", "10-29 21:30")]),
    ("Africa/Cairo", "2026-10-30 00:00", "2026-10-30 01:00", [("10-29 22:00", "10-29 23:00")]),
    ("America/Santiago", "2026-04-04 23:15", "2026-04-04 23:30",
     [("04-05 02:15", "04-05 02:30"), ("04-05 03:15", "04-05 03:30")]),
    ("Europe/Dublin", "2026-10-25 01:00", "2026-10-25 01:15",
     [("10-25 00:00", "10-25 00:15"), ("10-25 01:00", "10-25 01:15")]),
    ("Africa/Casablanca", "2026-02-15 02:15", "2026-02-15 02:30",
     [("02-15 01:15", "02-15 01:30"), ("02-15 02:15", "02-15 02:30")]),
    ("Africa/Casablanca", "2026-09-20 01:15", "2026-09-20 01:30",
     [("09-20 00:15", "09-20 00:30"), ("09-20 01:15", "09-20 01:30")]),
    # A window that begins in the repeated hour and ends after it: open, shut again by the step back, open.
    ("Europe/Dublin", "2026-10-25 01:30", "2026-10-25 03:00",
     [("10-25 00:30", "10-25 01:00"), ("10-25 01:30", "10-25 03:00")]),
]  # fmt: skip
GAPS = [
    # 02:00-02:30 does not exist: a window inside it is never active, one across it is the shorter.
    ("Australia/Lord_Howe", "2026-10-04 02:00", "2026-10-04 02:30", []),
    ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-04 03:00", [("10-03 15:30", "10-03 16:00")]),
    ("Antarctica/Troll", "2026-03-29 01:15", "2026-03-29 02:45", []),
    ("Antarctica/Troll", "2026-03-29 00:30", "2026-03-29 02:00", [("03-29 00:30", "03-29 01:00")]),
    ("Africa/Cairo", "2026-04-24 00:00", "2026-04-24 00:30", []),
    ("Africa/Cairo", "2026-04-24 00:00", "2026-04-24 02:00", [("04-23 22:00", "04-23 23:00")]),
    ("America/Santiago", "2026-09-06 00:30", "2026-09-06 01:30", [("09-06 04:00", "09-06 04:30")]),
    ("Europe/Dublin", "2026-03-29 01:30", "2026-03-29 02:30", [("03-29 01:00", "03-29 01:30")]),
    ("Africa/Casablanca", "2026-03-22 02:15", "2026-03-22 03:15", [("03-22 02:00", "03-22 02:15")]),
    ("America/Vancouver", "2026-03-08 02:15", "2026-03-08 03:15", [("03-08 10:00", "03-08 10:15")]),
    ("America/Havana", "2026-03-08 00:00", "2026-03-08 01:15", [("03-08 05:00", "03-08 05:15")]),
    # Samoa had no 30 December 2011 at all.
    ("Pacific/Apia", "2011-12-30 00:00", "2011-12-31 00:00", []),
    ("Pacific/Apia", "2011-12-30 12:00", "2011-12-31 06:00", [("12-30 10:00", "12-30 16:00")]),
]  # fmt: skip
STEADY = [
    ("Asia/Kathmandu", "2026-11-21 08:00", "2026-11-21 08:30", [("11-21 02:15", "11-21 02:45")]),
    ("Pacific/Apia", "2026-11-21 08:00", "2026-11-21 08:30", [("11-20 19:00", "11-20 19:30")]),
    # No step back any more in autumn 2026.
    ("America/Vancouver", "2026-11-01 01:00", "2026-11-01 02:00", [("11-01 08:00", "11-01 09:00")]),
    ("America/Havana", "2026-11-01 00:00", "2026-11-01 01:00", [("11-01 04:00", "11-01 05:00")]),
]


@pytest.mark.parametrize(("zone", "start", "end", "expected"), REPEATED + GAPS + STEADY)
def test_window(zone: str, start: str, end: str, expected: list[tuple[str, str]]) -> None:
    rules = blacklist(start, end)
    begin = utc(start) - timedelta(hours=30)
    assert spans(zone, rules, begin, hours=78) == expected
    changes = [utc(f"{start[:4]}-{at}") for span in expected for at in span]
    assert _walk(zone, rules, begin) == changes


def _walk(zone: str, rules: Rules, at: datetime) -> list[datetime]:
    """Every change, found by asking when the next one comes."""
    changes: list[datetime] = []
    change = explain(at_place(zone), rules, at).next_change_at
    while change is not None:
        changes.append(change)
        before = decide(at_place(zone), rules, change - MICROSECOND)
        assert before.accepted != decide(at_place(zone), rules, change).accepted
        change = explain(at_place(zone), rules, change).next_change_at
    return changes


@pytest.mark.parametrize("zone", sorted({zone for zone, *_ in REPEATED + GAPS + STEADY}))
def test_from_is_inside_and_until_is_not(zone: str) -> None:
    rules = blacklist("2026-06-10 08:00:00.000001", "2026-06-10 18:00:00.000001")
    start = datetime(2026, 6, 10, 8, 0, 0, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    for at, accepted in [
        (start - MICROSECOND, True),
        (start, False),
        (start + timedelta(hours=10) - MICROSECOND, False),
        (start + timedelta(hours=10), True),
    ]:
        assert decide(at_place(zone), rules, at).accepted is accepted


def test_both_instants_of_a_repeated_hour_are_the_same_wall_clock_time() -> None:
    rules = blacklist("2026-10-25 01:30", "2026-10-25 01:31")
    first, second = utc("2026-10-25 00:30"), utc("2026-10-25 01:30")
    for at in (first, second):
        explanation = explain(at_place("Europe/Dublin"), rules, at)
        assert explanation.decision.reason == "BLACKLISTED"
        assert explanation.local_time == datetime(2026, 10, 25, 1, 30)
    assert decide(at_place("Europe/Dublin"), rules, utc("2026-10-25 01:00")).accepted


def test_one_class_in_two_zones() -> None:
    """Both places have the same groups, so they share what is remembered, but never its local time."""
    rules = blacklist("2026-06-10 08:00", "2026-06-10 09:00")
    at = utc("2026-06-10 06:30")
    for _ in range(3):
        assert not decide(at_place("Europe/Berlin"), rules, at).accepted
        assert decide(at_place("Europe/Dublin"), rules, at).accepted


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 11, 21, 10),
        datetime(2026, 11, 21, 10, tzinfo=timezone(timedelta(hours=1))),
        datetime(2026, 11, 21, 10, tzinfo=timezone(timedelta(hours=1), "UTC")),
        datetime(2026, 11, 21, 10, tzinfo=ZoneInfo("Europe/London")),
    ],
    ids=["naive", "+01:00", "a false UTC", "London in winter"],
)
@pytest.mark.parametrize("ask", [decide, explain])
def test_now_must_be_utc(ask: object, now: datetime) -> None:
    with pytest.raises(ValueError, match="aware UTC"):
        ask(at_place("Europe/London"), compile_rules([]), now)  # type: ignore[operator]


def test_utc_by_another_name_is_utc() -> None:
    now = datetime(2026, 11, 21, 10, tzinfo=ZoneInfo("UTC"))
    assert decide(at_place("Europe/London"), compile_rules([]), now).accepted


@pytest.mark.parametrize("zone", ["", "Europe/Atlantis", "Europe", "../etc/passwd", "/etc/passwd", "\0", "CEST", None])
def test_an_unknown_zone_is_an_error(zone: str) -> None:
    with pytest.raises(UnknownZone):
        decide(at_place(zone), compile_rules([]), utc("2026-11-21 10:00"))
    free = Request(Place(1, zone, (), False, True, True), ())
    with pytest.raises(UnknownZone):
        decide(free, compile_rules([]), utc("2026-11-21 10:00"))


def test_expiry_is_the_instant_itself() -> None:
    at = utc("2026-11-21 10:00")
    ends = at.astimezone(ZoneInfo("Asia/Kathmandu"))
    token = Token(1, (2,), False, ends, False, False)
    assert decide(at_place("UTC", token), compile_rules([]), at - MICROSECOND).accepted
    assert decide(at_place("UTC", token), compile_rules([]), at).reason == "TOKEN_EXPIRED"
    change = explain(at_place("UTC", token), compile_rules([]), at - MICROSECOND).next_change_at
    assert change == at
    assert change.tzinfo is UTC


def test_a_naive_expiry_is_an_error() -> None:
    with pytest.raises(TypeError):
        decide(
            at_place("UTC", Token(1, (), False, datetime(2030, 1, 1), False, False)),
            compile_rules([]),
            utc("2026-11-21 10:00"),
        )


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Los_Angeles"])
def test_the_ends_of_the_calendar(zone: str) -> None:
    """Boundaries with no instant in UTC are simply never reached; they neither fail nor change the answer."""
    now = utc("2026-11-21 10:00")
    last = datetime.max.replace(tzinfo=UTC)
    for rules in (blacklist("0001-01-01 00:00", None), blacklist(None, "9999-12-31 23:59:59.999999")):
        explanation = explain(at_place(zone, Token(1, (2,), False, last, False, False)), rules, now)
        assert explanation.decision.reason == "BLACKLISTED"
    explanation = explain(at_place(zone, Token(1, (), False, last, False, False)), compile_rules([]), now)
    assert explanation.decision.accepted
    assert explanation.next_change_at == last


def test_at_the_last_instant_open_windows_are_still_open() -> None:
    rules = blacklist("2026-01-01 00:00", None)
    assert not decide(at_place("UTC"), rules, datetime.max.replace(tzinfo=UTC)).accepted
    with pytest.raises(OverflowError):
        decide(at_place("Asia/Tokyo"), rules, datetime.max.replace(tzinfo=UTC))


@pytest.mark.parametrize("zone", sorted({zone for zone, *_ in REPEATED + GAPS}))
def test_crossings_hold_every_change(zone: str) -> None:
    """Around every jump of 2026 and 2011, for boundaries each quarter of an hour: `local ≥ b` changes nowhere else."""
    rules_zone = zone_of(zone)
    for year in (2011, 2026):
        before = datetime(year, 1, 1, tzinfo=UTC)
        while before.year == year:
            after = before + timedelta(days=1)
            if before.astimezone(rules_zone).utcoffset() != after.astimezone(rules_zone).utcoffset():
                _check_crossings(rules_zone, before)
            before = after


def _check_crossings(zone: ZoneInfo, day: datetime) -> None:
    grid = [day - timedelta(days=2) + timedelta(minutes=15 * step) for step in range(5 * 96)]
    walls = [at.astimezone(zone).replace(tzinfo=None) for at in grid]
    for boundary in sorted(set(walls[96:-96])) + [walls[96] + timedelta(minutes=15 * step) for step in range(3 * 96)]:
        changes = {grid[n] for n in range(1, len(grid)) if (walls[n] >= boundary) != (walls[n - 1] >= boundary)}
        assert changes <= set(crossings(boundary, zone))
