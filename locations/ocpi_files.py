"""Location objects out of a file as people have them: a JSON list, an OCPI answer, one object, or one object a line.

A file of lines is read line by line, so its size does not matter; a JSON document is read as a whole.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import orjson

_BOM = b"\xef\xbb\xbf"
_ENVELOPE = ("data", "content", "status_code")
_SUCCESS = 1000  # OCPI's status_code


class BadFile(ValueError):
    """A file that cannot be read at all. The text says why, in one line."""


class NotJson:
    """Stands for a line that is no JSON, among others that are."""

    def __init__(self, error: ValueError) -> None:
        self.text = f"is no JSON: {error}"


def objects(stream: BinaryIO) -> Iterator[tuple[str, object]]:
    """Yields where each object stands (`line 3`, `object 3`) and the object, or NotJson. Raises BadFile.

    `stream` may be compressed by gzip.
    """
    try:
        yield from _objects(_unpacked(stream))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadFile(f"is damaged: {error}") from None
    except OSError as error:
        raise BadFile(f"cannot be read: {error.strerror or error}") from None


def _unpacked(stream: BinaryIO) -> BinaryIO:
    """Known by the first two bytes, not by the name: standard input has none."""
    buffered = stream if hasattr(stream, "peek") else io.BufferedReader(stream)  # type: ignore[type-var]
    return gzip.GzipFile(fileobj=buffered) if buffered.peek(2)[:2] == b"\x1f\x8b" else buffered  # type: ignore[return-value]


def _objects(stream: BinaryIO) -> Iterator[tuple[str, object]]:
    lines = _lines(stream)
    head = [line for line in (next(lines, None), next(lines, None)) if line is not None]
    if not head:
        raise BadFile("is empty")
    if len(head) == 2 and _is_one_object_a_line(head[0][1], head[1][1]):
        for number, line in head:
            yield from _line(number, line)
        for number, line in lines:
            yield from _line(number, line)
        return
    # Empty lines in front are kept, so that an error's line number is the file's.
    text = b"\n" * (head[0][0] - 1) + b"".join(line for _, line in head) + stream.read()
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadFile(f"is no JSON: {error}") from None
    for number, obj in enumerate(_unwrapped(document), 1):
        yield f"object {number}", obj


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Lines that are not empty, with their numbers from 1."""
    for number, line in enumerate(stream, 1):
        text = line.removeprefix(_BOM) if number == 1 else line
        if text.strip():
            yield number, text


def _is_one_object_a_line(first: bytes, second: bytes) -> bool:
    """Whether the lines stand by themselves; the second decides where the first is damaged."""
    if isinstance(_parsed(first), dict):
        return True
    text, following = first.strip(), _parsed(second)
    opens_a_document = text.startswith(b"[") or text.endswith((b"[", b":"))
    return not opens_a_document and isinstance(following, dict) and "id" in following


def _parsed(line: bytes) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return NotJson(error)


def _line(number: int, line: bytes) -> Iterator[tuple[str, object]]:
    value = _parsed(line)
    if not _is_envelope(value):
        yield f"line {number}", value
        return
    for index, obj in enumerate(_unwrapped(value), 1):
        yield f"line {number}, object {index}", obj


def _is_envelope(value: object) -> bool:
    return (
        isinstance(value, dict)
        and "id" not in value
        and any(key in value for key in ("data", "content", "status_code"))
    )


def _unwrapped(document: object) -> list[object]:
    """The objects of a list, of an OCPI answer (`data`), of a page (`content`), or the one object itself."""
    if isinstance(document, list):
        return document
    if not _is_envelope(document):
        return [document]
    assert isinstance(document, dict)  # noqa: S101
    status = document.get("status_code", _SUCCESS)
    inner = document.get("data", document.get("content"))
    if inner is None or (isinstance(status, int) and not _SUCCESS <= status < _SUCCESS * 2):
        raise BadFile(f"is an OCPI answer without locations: status_code {status}, {document.get('status_message')!r}")
    return inner if isinstance(inner, list) else [inner]
