"""A file's bytes as rows of cells: what a CSV file may look like, and an end to what one may do to us."""

import csv
import io
from collections.abc import Iterator
from typing import NamedTuple

from imports.files import Refused
from imports.recognise import Dialect

MOST_CHARACTERS = 1_000_000  # in a line; of a cell CPython's csv takes 131,072
MOST_COLUMNS = 1_000


class Row(NamedTuple):
    """A record with the number that a spreadsheet shows, from 1. `problem`: it could not be taken apart."""

    number: int
    cells: list[str]
    problem: str = ""


def rows(stream: io.BufferedReader, dialect: Dialect) -> Iterator[Row]:
    """All rows with anything in them, the header's too. Raises Refused."""
    text = io.TextIOWrapper(stream, encoding=dialect.encoding, newline="")
    reader = csv.reader(_lines(text, dialect), delimiter=dialect.separator, strict=True)
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except UnicodeDecodeError as error:
            raise Refused(
                f"Behind row {number} stands what is no {dialect.encoding_name}: byte {error.object[error.start]:#04x}."
            ) from None
        except csv.Error as error:
            yield Row(number, [], _explain(error, number))
            continue
        if len(cells) > MOST_COLUMNS:
            raise Refused(f"Row {number} has {len(cells)} cells, at most {MOST_COLUMNS} are read.")
        if any(cells) and not (number == 1 and _names_the_separator(cells, dialect)):
            yield Row(number, cells)


def _names_the_separator(cells: list[str], dialect: Dialect) -> bool:
    """Excel's own first line, `sep=;`, as it comes out of the reader."""
    return dialect.separator.join(cells).rstrip(dialect.separator).lower() in ("sep=", f"sep={dialect.separator}")


def _lines(text: io.TextIOWrapper, dialect: Dialect) -> Iterator[str]:
    while line := text.readline(MOST_CHARACTERS + 1):
        if len(line) > MOST_CHARACTERS:
            raise Refused(
                f"This file has a line of more than {MOST_CHARACTERS:,} characters: it is no list, or a cell of it is"
                " far too long."
            )
        yield line


def _explain(error: csv.Error, number: int) -> str:
    text = str(error)
    if "field larger" in text:
        raise Refused(
            f"Row {number} has a cell of more than {csv.field_size_limit():,} characters. Is there a quotation mark"
            " that is never closed?"
        )
    if "unexpected end" in text:
        raise Refused(f"A quotation mark that opens in row {number} is never closed.")
    return f"The quotation marks of this row are not in pairs: {text}."
