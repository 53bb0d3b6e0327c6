"""How a file is to be read: encoding, separator, header, columns, date style. Shown to its user, who may say otherwise.

What eleven other systems write is the measure (their names are among the aliases of `resources`).
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from imports.dates import evidence
from imports.files import Refused

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}
ENCODINGS = {
    "UTF-8": "utf-8",
    "UTF-8 with BOM": "utf-8-sig",
    "UTF-16": "utf-16",
    "UTF-16 LE": "utf-16-le",
    "UTF-16 BE": "utf-16-be",
    "Windows-1252": "cp1252",
}
DATE_STYLES = ("iso", "day_first", "month_first", "unknown")
SAMPLE_CHARACTERS, SAMPLE_ROWS = 256 * 1024, 200


@dataclass(frozen=True)
class Dialect:
    """columns: for each column of the file what it is read as, or None where it is ignored."""

    encoding: str
    separator: str
    header: bool
    names: list[str]
    columns: list[str | None]
    date_style: str = "iso"

    @property
    def encoding_name(self) -> str:
        return next(name for name, codec in ENCODINGS.items() if codec == self.encoding)

    def shown(self) -> dict[str, Any]:
        """As the API tells it, and as it is kept."""
        separator = next(name for name, sign in SEPARATORS.items() if sign == self.separator)
        return {
            "encoding": self.encoding_name,
            "separator": separator,
            "header": self.header,
            "columns": [
                {"name": name, "read_as": column} for name, column in zip(self.names, self.columns, strict=True)
            ],
            "date_style": self.date_style,
        }

    @classmethod
    def kept(cls, shown: dict[str, Any]) -> "Dialect":
        """From what `shown` gave."""
        return cls(
            ENCODINGS[shown["encoding"]],
            SEPARATORS[shown["separator"]],
            shown["header"],
            [column["name"] for column in shown["columns"]],
            [column["read_as"] for column in shown["columns"]],
            shown["date_style"],
        )


class Unnamed(Refused):
    """No column is known to be what is needed. The dialect is what was recognised, for a person to go on from."""

    def __init__(self, text: str, dialect: Dialect) -> None:
        super().__init__(text)
        self.dialect = dialect


@dataclass(frozen=True)
class Wanted:
    """What a kind reads. aliases: by column, its names as `plain` leaves them, the best first. alone: the column of a
    file that has one and no header. One of `required` is needed."""

    aliases: Mapping[str, Sequence[str]]
    required: Sequence[str]
    alone: str | None = None
    dates: Sequence[str] = field(default_factory=tuple)


def plain(name: str) -> str:
    """A header without case, spaces and punctuation: `Auth ID`, `auth_id` and `AuthID` are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def recognise(stream: io.BufferedReader, encoding: str, wanted: Wanted, said: dict[str, Any]) -> Dialect:
    """The dialect of a file, all but its date style. `said` has what the user decided. Raises Refused."""
    codec = ENCODINGS[said["encoding"]] if said.get("encoding") else encoding
    sample = _sample(stream, codec)
    separator = SEPARATORS[said["separator"]] if said.get("separator") else _separator(sample, wanted)
    first = _rows(sample, separator)
    if not first:
        raise Refused("This file is empty.")
    names, header = _header(first, wanted, said)
    columns = _columns(names, header, wanted, said)
    # One column is what it has to be, whatever stands above it.
    if wanted.alone and not any(columns) and not said.get("columns") and _is_one_column(first, wanted):
        columns[0] = wanted.alone
    found = Dialect(codec, separator, header, names, columns, said.get("date_style") or "iso")
    if not any(name in columns for name in wanted.required):
        raise Unnamed(_no_column(names, wanted), found)
    return found


def _sample(stream: io.BufferedReader, codec: str) -> str:
    """The beginning, cut behind a line where there is more."""
    text = io.TextIOWrapper(stream, encoding=codec, newline="", errors="replace").read(SAMPLE_CHARACTERS)
    if len(text) == SAMPLE_CHARACTERS and "\n" in text:
        text = text[: text.rindex("\n") + 1]
    return text


def _rows(sample: str, separator: str) -> list[list[str]]:
    found: list[list[str]] = []
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=separator)
    while len(found) < SAMPLE_ROWS:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error:
            continue  # said when the file is read
        if any(cells) and not (not found and separator.join(cells).lower().startswith("sep=")):
            found.append(cells)
    return found


def _separator(sample: str, wanted: Wanted) -> str:
    """Excel's `sep=` line, else the one that makes the most columns known, and the most rows alike."""
    line = sample.split("\n", 1)[0].strip().lower().strip('"')
    if line.startswith("sep=") and line[4:5] in SEPARATORS.values():
        return line[4]
    if sample.lower().startswith("sep=\t"):
        return "\t"

    def score(separator: str) -> tuple[int, float, int]:
        found = _rows(sample, separator)
        if not found:
            return 0, 0.0, 0
        known = sum(1 for name in found[0] if _column_of(name, wanted))
        width = len(found[0])
        alike = sum(1 for cells in found if len(cells) == width) / len(found)
        return known, alike if width > 1 else 0.0, width

    return max(SEPARATORS.values(), key=score)


def _column_of(name: str, wanted: Wanted) -> str | None:
    text = plain(name)
    return next((column for column, aliases in wanted.aliases.items() if text in aliases), None) if text else None


def _header(first: list[list[str]], wanted: Wanted, said: dict[str, Any]) -> tuple[list[str], bool]:
    cells = [cell.strip() for cell in first[0]]
    header = said.get("header")
    if header is None:
        header = any(_column_of(name, wanted) for name in cells) or not _is_one_column(first, wanted)
        header = header or _looks_like_a_title(first)
    return (cells if header else [f"column {n}" for n in range(1, len(cells) + 1)]), header


def _is_one_column(first: list[list[str]], wanted: Wanted) -> bool:
    return wanted.alone is not None and all(not any(cells[1:]) for cells in first)


def _looks_like_a_title(first: list[list[str]]) -> bool:
    """Words over a column of numbers."""
    below = [cells[0] for cells in first[1:]]
    return bool(below) and not re.search(r"[0-9]", first[0][0]) and all(re.search(r"[0-9]", cell) for cell in below)


def _columns(names: list[str], header: bool, wanted: Wanted, said: dict[str, Any]) -> list[str | None]:
    """What the user says of a column counts; of several columns that mean the same, the one with the better name."""
    told: dict[str, str | None] = {plain(name): column for name, column in (said.get("columns") or {}).items()}
    columns: list[str | None] = [told.get(plain(name)) for name in names]
    best: dict[str, tuple[int, int]] = {}
    for index, name in enumerate(names):
        column = _column_of(name, wanted) if plain(name) not in told and header else None
        if column is None or column in columns:
            continue
        rank = wanted.aliases[column].index(plain(name))
        if column in best and best[column][0] == rank:
            raise Refused(f"Two columns are called {name!r}. Which of them counts is not ours to say: rename one.")
        if column not in best or rank < best[column][0]:
            best[column] = rank, index
    for column, (_, index) in best.items():
        columns[index] = column
    return columns


def _no_column(names: list[str], wanted: Wanted) -> str:
    seen = ", ".join(repr(name[:40]) for name in names[:12])
    needed = " or ".join(wanted.required)
    return (
        f"No column of this file is called {needed}: its first row has {seen}. Name the columns in the first row, or"
        " say what each of them is (columns)."
    )


def date_style(rows: Iterable[list[str]], indexes: Sequence[int]) -> str:
    """`day_first` or `month_first` where a date of the columns can only be that; `unknown` where all can be both."""
    style = "iso"
    for cells in rows:
        for index in indexes:
            found = evidence(cells[index]) if index < len(cells) else None
            if found in ("day_first", "month_first"):
                return found
            style = found or style
    return style


def sample_cells(rows: Iterable[Any]) -> Iterator[list[str]]:
    for row in rows:
        yield row.cells
