"""Single values of OCPI objects as feeds have them: taken where they can only mean one thing, and refused otherwise."""

from dataclasses import dataclass

from locations import ids


class Bad(ValueError):
    """A value that cannot be taken. The text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field, named as in the object: `coordinates.latitude`, `evses[2].uid`."""

    field: str
    text: str


def shown(value: object) -> str:
    """A value as it stands in a message: on one line, not endless."""
    text = "nothing" if value is None else ascii(value) if isinstance(value, str) else f"{value!r}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def identifier(obj: dict[str, object], name: str, most: int) -> str:
    """An id: printable ASCII of OCPI's length. A whole number is taken as its digits, as some feeds write it."""
    value = obj.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None or value == "":
        raise Bad("is missing")
    if not isinstance(value, str):
        raise Bad(f"{shown(value)} is no text")
    try:
        text = ids.printable_ascii(value, name)
    except ids.BadId as error:
        raise Bad(f"{shown(value)}: {error}") from None
    return short_enough(text, most)


def string(obj: dict[str, object], name: str) -> str | None:
    """A text without spaces at its ends, None where there is none."""
    value = obj.get(name)
    if value is not None and not isinstance(value, str):
        raise Bad(f"{shown(value)} is no text")
    if value and "\0" in value:
        raise Bad(f"{shown(value)} holds a NUL character")
    return value.strip() if value is not None else None


def short_enough(text: str, most: int) -> str:
    if len(text) > most:
        raise Bad(f"{shown(text)} has {len(text)} characters, at most {most} fit")
    return text
