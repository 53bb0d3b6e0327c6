"""Words that the demo world's places and people are named with. Invented, and untidy as real registers are."""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class City:
    name: str
    country: str
    latitude: float
    longitude: float
    zone: str
    streets: tuple[str, ...]
    postal_codes: str  # `#` a digit, `@` a letter


_NL = ("Stationsweg", "Kerkstraat", "Oude Gracht", "Burg. van der Hoopstraat", "Kadeplein", "Industrieweg", "Molenpad")
_DE = ("Bahnhofstraße", "Am Wümmeufer", "Große Straße", "Mühlenweg", "Schützenplatz", "Gewerbering", "Brückenstr.")
_AU = ("Lagoon Road", "Ned's Beach Rd", "Jetty Rd", "Anderson Rd", "Middle Beach Rd")
_NP = ("Ring Road", "Lakeside Marg", "Durbar Marg", "Balaju Chowk", "Naya Sadak")
_CA = ("Water St", "Signal Hill Rd", "Military Road", "Kenmount Rd", "Harbour Dr", "Humber Rd")
_MA = ("Bd Zerktouni", "Av. des FAR", "Rue du Port", "Avenue Hassan II", "Bd de la Corniche")
_FR = ("Rue de la République", "Quai des Brumes", "Allée des Platanes", "ZA du Moulin")
_EN = ("Main Street", "Quay Road", "Station Road", "Park Avenue", "Mill Lane")
_ES = ("Avenida del Mar", "Calle Larga", "Paseo Norte")

CITIES = {
    city.name: city
    for city in (
        City("Amsterdam", "NLD", 52.3702, 4.8952, "Europe/Amsterdam", _NL, "10## @@"),
        City("Utrecht", "NLD", 52.0907, 5.1214, "Europe/Amsterdam", _NL, "35##@@"),
        City("'s-Hertogenbosch", "NLD", 51.6978, 5.3037, "Europe/Amsterdam", _NL, "52## @@"),
        City("Groningen", "NLD", 53.2194, 6.5665, "Europe/Amsterdam", _NL, "97## @@"),
        City("Kralendijk", "BES", 12.1508, -68.2767, "America/Kralendijk", _NL, ""),
        City("Rotenburg (Wümme)", "DEU", 53.1110, 9.4110, "Europe/Berlin", _DE, "273##"),
        City("Bremen", "DEU", 53.0793, 8.8017, "Europe/Berlin", _DE, "28###"),
        City("München", "DEU", 48.1374, 11.5755, "Europe/Berlin", _DE, "80###"),
        City("Lord Howe Island", "AUS", -31.5553, 159.0821, "Australia/Lord_Howe", _AU, "2898"),
        City("Sydney", "AUS", -33.8688, 151.2093, "Australia/Sydney", _AU, "20##"),
        City("Kathmandu", "NPL", 27.7172, 85.3240, "Asia/Kathmandu", _NP, "446##"),
        City("Pokhara", "NPL", 28.2096, 83.9856, "Asia/Kathmandu", _NP, "337##"),
        City("St. John's", "CAN", 47.5615, -52.7126, "America/St_Johns", _CA, "A#C #A#"),
        City("Corner Brook", "CAN", 48.9500, -57.9500, "America/St_Johns", _CA, "A#H #B#"),
        City("Happy Valley-Goose Bay", "CAN", 53.3017, -60.3261, "America/Goose_Bay", _CA, "A#P #C#"),
        City("Vancouver", "CAN", 49.2827, -123.1207, "America/Vancouver", _CA, "V#B #G#"),
        City("Casablanca", "MAR", 33.5731, -7.5898, "Africa/Casablanca", _MA, "20###"),
        City("Rabat", "MAR", 34.0209, -6.8416, "Africa/Casablanca", _MA, "10###"),
        City("Laâyoune", "ESH", 27.1500, -13.2000, "Africa/El_Aaiun", _MA, ""),
        City("Lyon", "FRA", 45.7640, 4.8357, "Europe/Paris", _FR, "6900#"),
        City("Saint-Pierre", "SPM", 46.7811, -56.1764, "America/Miquelon", _FR, "97500"),
        City("Dublin", "IRL", 53.3498, -6.2603, "Europe/Dublin", _EN, "D## @#@#"),
        City("Apia", "WSM", -13.8333, -171.7667, "Pacific/Apia", _EN, ""),
        City("Phoenix", "USA", 33.4484, -112.0740, "America/Phoenix", _EN, "850##"),
        City("Santiago", "CHL", -33.4489, -70.6693, "America/Santiago", _ES, "83#####"),
        City("Las Palmas", "ESP", 28.1235, -15.4363, "Atlantic/Canary", _ES, "350##"),
    )
}
SPOTS = ("P+R", "Rathaus", "Marina", "supermarket", "Town Hall", "gare", "ZIEKENHUIS", "Hotel", "Sporthal", "car park")

# fmt: off
GIVEN = [
    "Anouk", "Bram", "Sanne", "Joost", "Fleur", "Günther", "Käthe", "Jürgen", "Sabine", "Björn", "Ngaire", "Bruce",
    "Asha", "Bikash", "Sunita", "Tenzin", "Maëlle", "Loïc", "Fatima", "Youssef", "Khadija", "Omar", "Siobhán",
    "Pádraig", "Inés", "Mateo", "Łukasz", "Žana", "Renée", "Dmitri", "Aroha", "Tane",
]
FAMILY = [
    "de Vries", "van den Berg", "JANSEN", "Öttinger", "Müller-Lüdenscheidt", "Groß", "Šimunić", "O'Brien", "Thapa",
    "Gurung", "Sherpa", "el Amrani", "Benali", "Tremblay", "Power", "Penney", "Nguyễn", "Kowalski", "García  Pérez",
    "Faleolo", "Smith", "smith", "Hansen", "D'Angelo",
]
TRADES = [
    "Koeriers", "Pflegedienst", "Taxi", "Bäckerei", "Installatietechniek", "Gebäudereinigung", "Plumbing",
    "Transport", "Car Share", "Autovermietung", "Catering", "Handwerk & Söhne", "Trekking", "Pêcheries", "Élagage",
    "Logistics",
]
# fmt: on
FORMS = ("B.V.", "GmbH", "GmbH & Co. KG", "Inc.", "Pty Ltd", "SARL", "Pvt. Ltd.", "e.V.", "")


def person(dice: Random) -> str:
    return untidy(f"{dice.choice(GIVEN)} {dice.choice(FAMILY)}", dice)


def company(dice: Random) -> str:
    name = f"{dice.choice(FAMILY)} {dice.choice(TRADES)} {dice.choice(FORMS)}".strip()
    return untidy(name, dice)


def untidy(name: str, dice: Random) -> str:
    """Now and then in capitals, in small letters, or with a double space."""
    chance = dice.random()
    if chance < 0.08:
        return name.upper()
    if chance < 0.11:
        return name.lower()
    return name.replace(" ", "  ", 1) if chance < 0.18 else name


def filled(pattern: str, dice: Random) -> str:
    """`##` as digits, `@@` as letters."""
    letters = {"#": "0123456789", "@": "ABCDEFGHJKLMNPRSTVWXZ"}
    return "".join(dice.choice(letters[char]) if char in letters else char for char in pattern)
