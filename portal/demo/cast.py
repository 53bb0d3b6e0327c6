"""The parties of the demo and what happens between them: the same in every world, whatever its size and seed.

Each exception here is a story somebody could tell. All four kinds come with past, present and future validity.
"""

# ruff: noqa: E501 - a table reads best with its rows on one line
# fmt: off
from datetime import UTC, datetime, timedelta
from functools import cache

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
)
from tokens.ids import iso_check_digit

# The question that the printed curl asks, and that is allowed at any hour: no rule below touches this card or place.
DEMO_STATION = "GFX-MARKT-01"
DEMO_QUESTION = {"id_token": "04A2B3C4D5E680", "token_type": "ISO14443", "evse_id": "NL*GFX*E123456"}

CPOS = [
    CpoRow("NL-GFX", "GridFlex Laadnetwerk B.V.", None, "Europe/Amsterdam"),
    CpoRow("NL-GFP", "GridFlex Parkeergarages", "NL-GFX", "Europe/Amsterdam"),
    CpoRow("DE-WTS", "Stadtwerke Wümmetal – E-Mobilität", None, "Europe/Berlin"),
    CpoRow("AU-LHE", "Lord Howe Island Energy Co-op", None, "Australia/Lord_Howe"),
    CpoRow("NP-HIM", "HIMAL CHARGE Pvt. Ltd.", None, "Asia/Kathmandu"),
    CpoRow("CA-AVL", "Avalon EV Network", None, "America/St_Johns"),
    CpoRow("MA-ATR", "Atlas Recharge  SARL", None, "Africa/Casablanca"),
]
EMSPS = [
    EmspRow("NL-TVM", "Tanvolt Mobility"),
    EmspRow("DE-LKW", "Ladekarte Wesermünde GmbH"),
    EmspRow("CA-MPL", "Maple Charge Inc."),
    EmspRow("AU-ROO", "RooCharge"),
    EmspRow("MA-BRQ", "Barq Mobilité"),
    EmspRow("FR-BNO", "Borne & Co.  (en liquidation)", blocked=True),
]

_AMS, _BER, _LHI, _KTM = "Europe/Amsterdam", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu"
_NFL, _CAS = "America/St_Johns", "Africa/Casablanca"
LOCATIONS = [
    LocationRow("NL-GFX", "GFX-MARKT", "Marktplein", "Marktplein 1", "Utrecht", "3511 LL", "NLD", 52.0920, 5.1210, _AMS),
    LocationRow("NL-GFX", "GFX-DEPOT", "Depot Schiphol-Noord", "Loodsweg 44", "", "1118 AB", "NLD", 52.32, 4.77, _AMS),
    LocationRow("NL-GFX", "GFX-HQ", "GridFlex hoofdkantoor (medewerkers)", "Stroomkade 9", "Utrecht", "3521 XZ", "NLD",
                52.0811, 5.1102, _AMS),
    LocationRow("NL-GFX", "GFX-BON", "KRALENDIJK  HARBOUR", "Kaya Playa Lechi 8", "Kralendijk", "", "BES", 12.1501, -68.2765,
                "America/Kralendijk"),
    LocationRow("NL-GFP", "P1", "P+R Papendorp", "Papendorpseweg 100", "Utrecht", "3528BJ", "NLD", 52.0660, 5.0810, _AMS),
    LocationRow("DE-WTS", "1001", "Städtischer Bauhof (nur Fahrzeugpool)", "Gewerbering 3", "Rotenburg (Wümme)", "27356",
                "DEU", 53.105, 9.39, _BER),
    LocationRow("DE-WTS", "1002", "Freibad", "Am Wümmeufer 1", "Rotenburg (Wümme)", "27356", "DEU", 53.109, 9.405, _BER),
    LocationRow("DE-WTS", "1003", "NEUBAU Bahnhof Süd", "Bahnhofstraße", "", "", "DEU", None, None, _BER, published=False),
    LocationRow("DE-WTS", "1004", "Innenstadt / Pferdemarkt", "Große Straße 20", "Rotenburg (Wümme)", "27356", "DEU",
                53.1112, 9.4108, _BER),
    LocationRow("AU-LHE", "LHE-JETTY", "Jetty car park", "Jetty Rd", "Lord Howe Island", "2898", "AUS", -31.52, 159.06,
                _LHI),
    LocationRow("NP-HIM", "him.balaju", "Balaju bus depot", "Balaju Chowk", "Kathmandu", "", "NPL", 27.735, 85.302, _KTM),
    LocationRow("CA-AVL", "AVL_0001", "Signal Hill lookout", "Signal Hill Rd", "ST. JOHN'S", "A1A 1B2", "CAN", 47.5705,
                -52.6819, _NFL),
    LocationRow("MA-ATR", "port-1", "Port de Casablanca – douane", "Rue du Port", "Casablanca", "20000", "MAR", 33.605,
                -7.615, _CAS),
]
STATIONS = [
    StationRow("NL-GFX", "GFX-MARKT", DEMO_STATION),
    StationRow("NL-GFX", "GFX-DEPOT", "GFX-DEPOT-01"), StationRow("NL-GFX", "GFX-DEPOT", "GFX-DEPOT-02", smart_button=True),
    StationRow("NL-GFX", "GFX-HQ", "gfx-hq-01", allow_offline_unknown=True),
    StationRow("NL-GFX", "GFX-BON", "GFX-BON-01"),
    StationRow("NL-GFP", "P1", "GFP/P1/L0"), StationRow("NL-GFP", "P1", "GFP/P1/L1"),
    StationRow("DE-WTS", "1001", "WTS 1001 A"), StationRow("DE-WTS", "1002", "WTS 1002 A"),
    StationRow("DE-WTS", "1003", "WTS 1003 A", local_authorize_offline=False),
    StationRow("DE-WTS", "1004", "WTS 1004 A"), StationRow("DE-WTS", "1004", "WTS 1004 B"),
    StationRow("AU-LHE", "LHE-JETTY", "LHE-JETTY-FREE", authorization_required=False, local_pre_authorize=True),
    StationRow("NP-HIM", "him.balaju", "HIM-BALAJU-1"), StationRow("CA-AVL", "AVL_0001", "AVL-SIGNAL-1"),
    StationRow("MA-ATR", "port-1", "ATR-PORT-1"),
]
EVSES = [
    EvseRow("NL-GFX", "GFX-MARKT", DEMO_STATION, "1", DEMO_QUESTION["evse_id"]),
    EvseRow("NL-GFX", "GFX-MARKT", DEMO_STATION, "2", "NL*GFX*E123457"),
    EvseRow("NL-GFX", "GFX-DEPOT", "GFX-DEPOT-01", "d1", "NL*GFX*EDEPOT*1"),
    EvseRow("NL-GFX", "GFX-DEPOT", "GFX-DEPOT-02", "d2", "nl*gfx*eDEPOT*2"),
    EvseRow("NL-GFX", "GFX-HQ", "gfx-hq-01", "1", "NL*GFX*EHQ0001"),
    EvseRow("NL-GFX", "GFX-BON", "GFX-BON-01", "1", "NL*GFX*EBON001"),
    EvseRow("NL-GFP", "P1", "GFP/P1/L0", "L0-1", "NL*GFP*EP1*001"),
    EvseRow("NL-GFP", "P1", "GFP/P1/L0", "L0-2", "NL*GFP*EP1*002"),
    EvseRow("NL-GFP", "P1", "GFP/P1/L1", "L1-1", "NL*GFP*EP1*101"),
    EvseRow("DE-WTS", "1001", "WTS 1001 A", "1", "DE*WTS*E1001*A*1"),
    EvseRow("DE-WTS", "1002", "WTS 1002 A", "1", "+49*810*1002*1"),
    EvseRow("DE-WTS", "1003", "WTS 1003 A", "1", "DE*WTS*E1003*A*1"),
    EvseRow("DE-WTS", "1004", "WTS 1004 A", "1", "DE*WTS*E1004*A*1"),
    EvseRow("DE-WTS", "1004", "WTS 1004 B", "2", "DE*WTS*E1004*B*2"),
    EvseRow("AU-LHE", "LHE-JETTY", "LHE-JETTY-FREE", "1", "AU*LHE*EJETTY1"),
    EvseRow("NP-HIM", "him.balaju", "HIM-BALAJU-1", "1", "NP*HIM*EBALAJU1"),
    EvseRow("CA-AVL", "AVL_0001", "AVL-SIGNAL-1", "1", "CA*AVL*E0001*1"),
    EvseRow("MA-ATR", "port-1", "ATR-PORT-1", "1", "MA*ATR*EPORT1"),
    EvseRow("MA-ATR", "port-1", None, "2", None),
]
CUSTOMERS = [
    CustomerRow("NL-TVM", "TV-1", "Anouk Jansen"),
    CustomerRow("NL-TVM", "TV-2", "Vlotte Koeriers  B.V."),
    CustomerRow("NL-TVM", "TV-3", "GridFlex medewerkers"),
    CustomerRow("NL-TVM", "TV-4", "TAXI CENTRAAL (betaalt niet)", blocked=True),
    CustomerRow("NL-TVM", "TV-5", "Bestelbus & Zn."),
    CustomerRow("DE-LKW", "K/0001", "Fahrzeugpool Wümmetal"),
    CustomerRow("DE-LKW", "K/0002", "Pflegedienst Öttinger GmbH & Co. KG"),
    CustomerRow("MA-BRQ", "douane", "Douanes – Port de Casablanca"),
    CustomerRow("AU-ROO", "R1", "Lagoon Tours Pty Ltd"),
    CustomerRow("FR-BNO", "1", "Élagage Hansen"),
]
DRIVERS = [
    DriverRow("NL-TVM", "TV-2", "TV-2-a", "Bram van den Berg"), DriverRow("NL-TVM", "TV-2", "TV-2-b", "sanne smith"),
    DriverRow("NL-TVM", "TV-3", "TV-3-a", "Joost O'Brien"),
    DriverRow("NL-TVM", "TV-5", "TV-5-a", "Fleur de Vries"),
    DriverRow("NL-TVM", "TV-5", "TV-5-b", "Dmitri Hansen (left the company)", blocked=True),
    DriverRow("DE-LKW", "K/0001", "Pool-1", "Jürgen Groß"), DriverRow("DE-LKW", "K/0001", "Pool-2", "KÄTHE MÜLLER"),
    DriverRow("DE-LKW", "K/0002", "Pflege-1", "Günther  Öttinger"),
]


@cache
def contract(emsp: str, number: int, *, form: str = "-") -> str:
    """An eMAID with its check digit; form: `-` with hyphens, "" without, `lower` in small letters and without the digit."""
    bare = f"{emsp.replace('-', '')}C{number:08d}"
    if form == "lower":
        return bare.lower()
    return form.join((bare[:2], bare[2:5], bare[5:], iso_check_digit(bare)))


EXTERNAL_LISTED, EXTERNAL_UNLISTED = contract("BE-XTR", 99887766), contract("BE-XTR", 11223344)


def tokens(now: datetime) -> list[TokenRow]:
    """The cards of the stories. Of contract TV-2 there are three, written in three ways."""
    shared, year = 20010, now + timedelta(days=400)
    return [
        TokenRow("NL-TVM", "TV-1", None, "RFID", DEMO_QUESTION["id_token"], contract("NL-TVM", 20001), "TV 0001", "Tanvolt"),
        TokenRow("NL-TVM", "TV-2", "TV-2-a", "RFID", "04:1B:6C:2A:9F:61:80", contract("NL-TVM", shared), "TV 0010", "Tanvolt",
                 expires_at=year),
        TokenRow("NL-TVM", "TV-2", "TV-2-a", "RFID", "041b6c2a9f6181", contract("NL-TVM", shared, form="lower"), "TV 0011"),
        TokenRow("NL-TVM", "TV-2", "TV-2-a", "EMAID", contract("NL-TVM", shared, form=""),
                 contract("NL-TVM", shared, form="")),
        TokenRow("NL-TVM", "TV-2", "TV-2-b", "RFID", "93 C1 0A 7E", contract("NL-TVM", 20011), "TV 0012", whitelist="ALWAYS"),
        TokenRow("NL-TVM", "TV-3", "TV-3-a", "RFID", "04AA00BB11CC22", contract("NL-TVM", 20020), "staff 7"),
        TokenRow("NL-TVM", "TV-3", None, "MAC_ADDRESS", "00:1A:7D:DA:71:13", None, issuer="Autocharge"),
        TokenRow("NL-TVM", "TV-4", None, "RFID", "04DEADBEEF0001", contract("NL-TVM", 20030), "TAXI 1"),
        TokenRow("NL-TVM", "TV-5", "TV-5-a", "RFID", "04C0FFEE000001", contract("NL-TVM", 20040), "BUS 1", language="nl"),
        TokenRow("NL-TVM", "TV-5", "TV-5-b", "RFID", "04C0FFEE000002", contract("NL-TVM", 20041), "BUS 2"),
        TokenRow("NL-TVM", "TV-1", None, "APP_USER", "anouk@example.org", contract("NL-TVM", 20002), whitelist="NEVER"),
        TokenRow("NL-TVM", None, None, "RFID", "04BAD000000001", contract("NL-TVM", 20050), "lost 1", valid=False),
        TokenRow("NL-TVM", None, None, "RFID", "04BAD000000002", contract("NL-TVM", 20051), "stolen 1"),
        TokenRow("DE-LKW", None, None, "RFID", "04BAD000000003", None, "stolen 2"),
        TokenRow("NL-TVM", None, None, "RFID", "04EE0000000001", contract("NL-TVM", 20052), "old 1",
                 expires_at=now - timedelta(days=12)),
        TokenRow("DE-LKW", "K/0001", "Pool-1", "RFID", "7A114C9E", contract("DE-LKW", 10001), "Pool 1", language="de"),
        TokenRow("DE-LKW", "K/0001", "Pool-2", "RFID", "7a:11:4c:9f", contract("DE-LKW", 10002), "Pool 2"),
        TokenRow("DE-LKW", "K/0002", "Pflege-1", "KEY_CODE", "4711-A", contract("DE-LKW", 10010)),
        TokenRow("MA-BRQ", "douane", None, "RFID", "04D0A1D0A1D0A1", contract("MA-BRQ", 500), "DOUANE 01", language="fr"),
        TokenRow("MA-BRQ", None, None, "OTHER", "barq-fleet-1", contract("MA-BRQ", 501)),
        TokenRow("CA-MPL", None, None, "AD_HOC_USER", "QR-2f9a11", None, expires_at=now + timedelta(days=2)),
        TokenRow("AU-ROO", "R1", None, "RFID", "04F00DF00DF00D", contract("AU-ROO", 7), "ROO 7"),
        TokenRow("FR-BNO", "1", None, "RFID", "04B0B0B0B0B0B0", contract("FR-BNO", 3), "B3"),
        TokenRow(None, None, None, "OTHER", None, EXTERNAL_LISTED, external=True),
        TokenRow(None, None, None, "OTHER", None, EXTERNAL_UNLISTED, external=True),
    ]


def _auth(text: str) -> str:
    return text.replace("-", "").upper()[:14]


GROUPS = [
    GroupRow("Every CPO", "cpo", None, "Top of the tree: sub-CPOs follow."),
    GroupRow("All of Stadtwerke Wümmetal", "cpo", "cpo:DE-WTS"),
    GroupRow("Depots", "location", "cpo:NL-GFX"),
    GroupRow("Papendorp and around", "location", "cpo:NL-GFX"),
    GroupRow("Freibad", "location", "cpo:DE-WTS"),
    GroupRow("Innenstadt", "location", None),
    GroupRow("Yards", "location", None, "Where pool cars belong at night."),
    GroupRow("Customs area", "location", "cpo:MA-ATR"),
    GroupRow("RooCharge", "emsp", None),
    GroupRow("Courier companies", "customer", None),
    GroupRow("Vans", "customer", "emsp:NL-TVM"),
    GroupRow("Pool drivers", "driver", "emsp:DE-LKW"),
    GroupRow("Stolen and cloned cards", "token", None, "Reported by eMSPs. Never remove a card without asking."),
    GroupRow("Customs cards", "token", None),
    GroupRow("nobody (keep empty!)", "token", "cpo:DE-WTS"),
    GroupRow("Tanvolt", "emsp", None),
]
MEMBERS = [
    *(MemberRow("Every CPO", "cpo", row.code, "") for row in CPOS if row.parent is None),
    MemberRow("All of Stadtwerke Wümmetal", "cpo", "DE-WTS", ""),
    MemberRow("Depots", "location", "NL-GFX", "GFX-DEPOT"),
    MemberRow("Papendorp and around", "location", "NL-GFP", "P1"),
    MemberRow("Freibad", "location", "DE-WTS", "1002"),
    MemberRow("Innenstadt", "location", "DE-WTS", "1004"),
    MemberRow("Yards", "location", "DE-WTS", "1001"),
    MemberRow("Yards", "location", "NP-HIM", "him.balaju"),
    MemberRow("Customs area", "location", "MA-ATR", "port-1"),
    MemberRow("RooCharge", "emsp", "AU-ROO", ""),
    MemberRow("Tanvolt", "emsp", "NL-TVM", ""),
    MemberRow("Courier companies", "customer", "NL-TVM", "TV-2"),
    MemberRow("Vans", "customer", "NL-TVM", "TV-5"),
    MemberRow("Pool drivers", "driver", "DE-LKW", "K/0001 Pool-1"),
    MemberRow("Pool drivers", "driver", "DE-LKW", "K/0001 Pool-2"),
    MemberRow("Stolen and cloned cards", "token", "", _auth(contract("NL-TVM", 20051))),
    MemberRow("Stolen and cloned cards", "token", "RFID", "04BAD000000003"),
    MemberRow("Customs cards", "token", "", _auth(contract("MA-BRQ", 500))),
]
LISTS = [
    ListRow("NL-GFX", "GFX-HQ", "customer", "NL-TVM", "TV-3"),
    ListRow("NL-GFX", "GFX-HQ", "token", "", _auth(contract("NL-TVM", 20001))),
    ListRow("NL-GFX", "GFX-HQ", "token", "", _auth(EXTERNAL_LISTED)),
    ListRow("DE-WTS", "1001", "customer", "DE-LKW", "K/0001"),
]

# name, action, direction, owner, first and last day from today (None: open), CPO-side groups, eMSP-side groups, notes
_W, _B, _FOR_CPO, _FOR_EMSP = "whitelist", "blacklist", "emsp_for_cpo", "cpo_for_emsp"
_STORIES: list[tuple[str, str, str, str | None, int | None, int | None, list[str], list[str], str]] = [
    (
        "Depot Schiphol-Noord: couriers only",
        _W,
        _FOR_CPO,
        "cpo:NL-GFX",
        None,
        None,
        ["Depots"],
        ["Courier companies"],
        "",
    ),
    (
        "Opening weeks Papendorp – Tanvolt only",
        _W,
        _FOR_CPO,
        "cpo:NL-GFX",
        -60,
        -30,
        ["Papendorp and around"],
        ["Tanvolt"],
        "",
    ),
    (
        "Christmas market: residents first",
        _W,
        _FOR_CPO,
        "cpo:DE-WTS",
        20,
        45,
        ["Innenstadt"],
        ["Tanvolt"],
        "ask the mayor",
    ),
    (
        "Freibad: closed for the season",
        _W,
        _FOR_CPO,
        "cpo:DE-WTS",
        -50,
        140,
        ["Freibad"],
        ["nobody (keep empty!)"],
        "A whitelist of an empty group lets nobody in.",
    ),
    ("Port: customs cards only", _W, _FOR_CPO, "cpo:MA-ATR", -200, None, ["Customs area"], ["Customs cards"], ""),
    (
        "Stolen and cloned cards",
        _B,
        _FOR_CPO,
        None,
        None,
        None,
        ["Every CPO"],
        ["Stolen and cloned cards"],
        "For ever.",
    ),
    (
        "RooCharge: no roaming agreement",
        _B,
        _FOR_CPO,
        "cpo:DE-WTS",
        -40,
        None,
        ["All of Stadtwerke Wümmetal"],
        ["RooCharge"],
        "unpaid since spring",
    ),
    ("Road works at the depot", _B, _FOR_CPO, "cpo:NL-GFX", -20, -6, ["Depots"], ["Vans"], ""),
    ("Depot closes for RooCharge", _B, _FOR_CPO, "cpo:NL-GFX", 40, None, ["Depots"], ["RooCharge"], ""),
    ("Pool cars charge at the yard", _W, _FOR_EMSP, "emsp:DE-LKW", -100, 265, ["Yards"], ["Pool drivers"], ""),
    ("Trial: vans at the yards", _W, _FOR_EMSP, "emsp:NL-TVM", -200, -20, ["Yards"], ["Vans"], "went well"),
    (
        "From next month: couriers at depots",
        _W,
        _FOR_EMSP,
        "emsp:NL-TVM",
        30,
        None,
        ["Depots"],
        ["Courier companies"],
        "",
    ),
    ("Vans: not in the city centre", _B, _FOR_EMSP, "emsp:NL-TVM", -7, 30, ["Innenstadt"], ["Vans"], ""),
    ("Vans: not at the pool (summer)", _B, _FOR_EMSP, "emsp:NL-TVM", -150, -90, ["Freibad"], ["Vans"], ""),
    (
        "Tanvolt leaves Wümmetal",
        _B,
        _FOR_EMSP,
        "emsp:NL-TVM",
        60,
        None,
        ["All of Stadtwerke Wümmetal"],
        ["Tanvolt"],
        "tbc",
    ),
    (
        "DRAFT – do not switch on!!",
        _B,
        _FOR_CPO,
        None,
        None,
        None,
        ["Every CPO", "Depots"],
        ["Tanvolt", "RooCharge"],
        "see ticket",
    ),
]


def exceptions(now: datetime) -> list[ExceptionRow]:
    """Whole days of the wall clock, counted from today."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)

    def day(offset: int | None) -> datetime | None:
        return None if offset is None else today + timedelta(days=offset)

    return [
        ExceptionRow(
            name, action, direction, owner, day(first), day(last), enabled=not name.startswith("DRAFT"), notes=notes
        )
        for name, action, direction, owner, first, last, _, _, notes in _STORIES
    ]


LINKS = [LinkRow(story[0], group) for story in _STORIES for group in (*story[6], *story[7])]
