"""Normal forms of the ids that places carry, and what every id has in common.

The database computes the same forms in generated columns (migration 0001); tests hold the two together. An id is
compared in its normal form and echoed as it was entered.

Sources: eMI3 / ISO 15118-1 annex H (EVSE id), DIN SPEC 91286, OCPI 2.1.1 `mod_locations`.
"""

import re


class BadId(ValueError):
    """An id that cannot be one of its kind. The text says what to do, and is fit for an API's or a form's answer."""


_ISO_EVSE = re.compile(r"[A-Z]{2}\*?[A-Z0-9]{3}\*?E[A-Z0-9*]{1,31}")
_DIN_EVSE = re.compile(r"\+[0-9]{1,3}\*[0-9]{3,6}\*[0-9*]{1,32}")
_PARTY = re.compile(r"([A-Z]{2})[-*]?([A-Z0-9]{3})")


def printable_ascii(value: str, what: str = "value") -> str:
    """`value` without spaces at its ends. Raises BadId where it is empty or holds anything but printable ASCII.

    A look-alike character (Cyrillic А, full-width 4) is an error and never a match.
    """
    text = value.strip(" ")
    if not text:
        raise BadId(f"The {what} is empty.")
    if not (text.isascii() and text.isprintable()):
        raise BadId(f"The {what} may hold only printable ASCII characters: retype it, a look-alike letter is no match.")
    return text


def evse_id(value: str) -> str:
    """Normal form of an EVSE id: upper case; `*` dropped in the ISO form, kept (and the `+` dropped) in the DIN form.

    >>> evse_id("nl*gfx*e123*1"), evse_id("+49*810*000*438")
    ('NLGFXE1231', '49*810*000*438')
    """
    text = printable_ascii(value, "EVSE id").upper()
    if _ISO_EVSE.fullmatch(text):
        return text.replace("*", "")
    return text[1:] if _DIN_EVSE.fullmatch(text) else text


def identity(value: str) -> str:
    """Normal form of a charge station's identity: trimmed, upper case."""
    return printable_ascii(value, "identity").upper()


def party(value: str) -> tuple[str, str]:
    """`NL-GFX`, `nl*gfx` or `NLGFX` as (country_code, party_id). Raises BadId for anything else."""
    match = _PARTY.fullmatch(value.strip(" ").upper()) if value.isascii() else None
    if not match:
        raise BadId("A party is a country code and a party id, like NL-GFX.")
    return match[1], match[2]
