"""Normal forms of the ids that charge tokens carry: Chip ID (uid) and Auth ID (contract id, eMAID).

The database computes the same forms in generated columns (migration 0001); tests hold the two together.

Sources: eMI3 "Electric Vehicle ICT Interface Specifications" part 2 (eMAID and its check digit), DIN SPEC 91286,
OCPI 2.1.1 `mod_tokens`.
"""

import re
from collections.abc import Iterator

from locations.ids import BadId, printable_ascii

HEX_TYPES = frozenset({"RFID", "MAC_ADDRESS"})
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_HEX = re.compile(r"[0-9A-F]+")
_SEPARATORS = str.maketrans("", "", " :-")
_ISO_WITH_DIGIT = re.compile(r"[A-Z]{2}[A-Z0-9]{13}")
_DIN_WITH_DIGIT = re.compile(r"[A-Z]{2}[A-Z0-9]{10}")
_DIN = re.compile(r"[A-Z]{2}\*?[A-Z0-9]{3}\*?[A-Z0-9]{6}(\*?[A-Z0-9])?")
_ISO_CONTRACT = re.compile(r"[A-Z]{2}[A-Z0-9]{12}")


def uid(token_type: str, value: str) -> str:
    """Normal form of a Chip ID. RFID and MAC: hex without separators; EMAID: its Auth ID's form; others: upper case.

    Bytes are never reversed. Raises BadId where an RFID or MAC uid is not hexadecimal.
    """
    if token_type == "EMAID":  # noqa: S105
        return auth_id(value)
    text = printable_ascii(value, "uid").upper()
    if token_type not in HEX_TYPES:
        return text
    text = text.translate(_SEPARATORS)
    if not _HEX.fullmatch(text):
        raise BadId(
            "The uid of an RFID card or a MAC address is hexadecimal: 0-9 and A-F (space, `:` and `-` between)."
        )
    return text


def auth_id(value: str) -> str:
    """Normal form of an Auth ID: upper case, `-` dropped, and of a valid eMAID the check digit too.

    A wrong check digit stays: the value is then no valid eMAID, and equals only itself. In the DIN form `*`
    separates as well.

    >>> auth_id("nl-tnm-c00122045-k"), auth_id("NL*TNM*122045*0"), auth_id("FA54320")
    ('NLTNMC00122045', 'NLTNM122045', 'FA54320')
    """
    bare = _undashed(printable_ascii(value, "Auth ID"))
    if not bare:
        raise BadId("The Auth ID is empty.")
    if _ISO_WITH_DIGIT.fullmatch(bare) and _iso_holds(bare):
        return bare[:-1]
    if _DIN_WITH_DIGIT.fullmatch(bare) and din_check_digit(bare[:-1]) == bare[-1]:
        return bare[:-1]
    return bare


def _undashed(value: str) -> str:
    """Upper case without `-`, and in the DIN form without `*`. Trimmed last: a dash may hide a space."""
    text = value.upper().replace("-", "").strip(" ")
    return text.replace("*", "") if _DIN.fullmatch(text) else text


def auth_id_warning(value: str) -> str | None:
    """What is odd about an Auth ID that is accepted all the same: a wrong check digit, or None."""
    bare = _undashed(value)
    if _ISO_WITH_DIGIT.fullmatch(bare) and not _iso_holds(bare):
        digit = iso_check_digit(bare[:-1])
        return f"The check digit of {value} is {bare[-1]}, computed is {digit}. It is kept as entered."
    return None


def _weights() -> Iterator[dict[str, int]]:
    """By place, 1 to 15, of an ISO contract id: what each character adds to the four sums of its check digit.

    A character is four small digits: q1, q2 (base 2) and r1, r2 (base 3). The sums are (q1 q2)·P1^i modulo 2 and
    (r1 r2)·P2^i modulo 3, eight bits each in one number.
    """
    a, b, c, d = 0, 1, 1, 1
    e, f, g, h = 0, 1, 1, 2
    for _ in range(15):
        place = {}
        for value, char in enumerate(_ALPHABET):
            q1, q2, r1, r2 = value // 18, value // 9 % 2, value // 3 % 3, value % 3
            sums = (q1 * a + q2 * c) % 2, (q1 * b + q2 * d) % 2, (r1 * e + r2 * g) % 3, (r1 * f + r2 * h) % 3
            place[char] = sum(each << 8 * nth for nth, each in enumerate(sums))
        yield place
        a, b, c, d = b, (a + b) % 2, d, (c + d) % 2
        e, f, g, h = f, (e + 2 * f) % 3, h, (g + 2 * h) % 3


_WEIGHTS = tuple(_weights())


def _iso_holds(text: str) -> bool:
    """Whether the last of 15 letters and digits is the check digit of the others."""
    sums = sum([place[char] for place, char in zip(_WEIGHTS, text, strict=True)])
    return not ((sums & 255) % 2 or (sums >> 8 & 255) % 2 or (sums >> 16 & 255) % 3 or (sums >> 24) % 3)


def iso_check_digit(contract: str) -> str:
    """Check digit of a 14-character ISO contract id without separators. Raises BadId for another form.

    >>> iso_check_digit("NLTNMC00122045")
    'K'
    """
    if not _ISO_CONTRACT.fullmatch(contract.upper()):
        raise BadId("A contract id in the ISO form has 14 letters and digits.")
    return next(digit for digit in _ALPHABET if _iso_holds(contract.upper() + digit))


def din_check_digit(contract: str) -> str:
    """Check digit of an 11-character DIN contract id without separators.

    Letters count as two digits (A = 10 … Z = 35); digits are weighted 1, 2, 4, … and summed modulo 11; 10 is written X.

    >>> din_check_digit("NLTNM122045")
    '0'
    """
    digits = "".join(str(int(char, 36)) for char in contract)
    rest = sum(int(digit) << position for position, digit in enumerate(digits)) % 11
    return "X" if rest == 10 else str(rest)
