"""An uploaded file on its way into the database, piece by piece, and out again as a stream."""

import codecs
import io
import zlib
from collections.abc import Callable, Iterable

from imports.models import FilePart, Import

PART = 1024 * 1024  # bytes
# What people upload instead of a text file, by its first bytes.
MAGIC = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook (XLSX)",
    b"PK\x05\x06": "an empty ZIP archive",
    b"\x1f\x8b": "compressed (gzip)",
    b"BZh": "compressed (bzip2)",
    b"\xfd7zXZ\x00": "compressed (xz)",
    b"7z\xbc\xaf": "compressed (7z)",
    b"Rar!": "compressed (RAR)",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (XLS)",
    b"%PDF": "a PDF",
}
_LEGACY = "cp1252"


class Refused(ValueError):
    """A file that cannot be taken as a whole. The text says why, and what to do."""


def keep(of: Import, pieces: Iterable[bytes]) -> str:
    """Writes a file's bytes down and says in which encoding they are. Raises Refused, when all are written."""
    encoding = _Encoding()
    held, nth, compress = bytearray(), 0, zlib.compress
    for piece in pieces:
        encoding.see(piece)
        held += piece
        while len(held) >= PART:
            FilePart.objects.create(of=of, nth=nth, data=compress(bytes(held[:PART]), 1))
            del held[:PART]
            nth += 1
    FilePart.objects.create(of=of, nth=nth, data=compress(bytes(held), 1))
    return encoding.name()


class _Encoding:
    """Watches a file go by: a BOM says it, else valid UTF-8 is UTF-8, and the rest is Windows-1252."""

    def __init__(self) -> None:
        self.head = b""
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._is_utf8 = True

    def see(self, piece: bytes) -> None:
        if len(self.head) < PART:
            self.head += piece[: PART - len(self.head)]
        if self._is_utf8:
            try:
                self._utf8.decode(piece)
            except UnicodeDecodeError:
                self._is_utf8 = False

    def name(self) -> str:
        head = self.head
        for magic, what in MAGIC.items():
            if head.startswith(magic):
                raise Refused(f"This file is {what}, whatever its name says. Save it as CSV and upload that.")
        if not head.strip():
            raise Refused("This file is empty.")
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if head.startswith(codecs.BOM_UTF8):
            return "utf-8-sig"
        if (without_bom := _utf16_without_bom(head[:4096])) is not None:
            return without_bom
        if self._is_utf8:
            try:
                self._utf8.decode(b"", final=True)
            except UnicodeDecodeError:
                return _LEGACY
            return "utf-8"
        return _LEGACY


def _utf16_without_bom(head: bytes) -> str | None:
    """Text of mostly Western letters has a zero in every other byte. Zeros all over are no text at all."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = max(1, len(head) // 2)
    if odd > half * 0.4 and even < half * 0.1:
        return "utf-16-le"
    if even > half * 0.4 and odd < half * 0.1:
        return "utf-16-be"
    if even + odd > half * 0.2:
        raise Refused("This file is no text: it is full of NUL bytes. Save it as CSV and upload that.")
    return None


class Stream(io.RawIOBase):
    """The bytes of a file that was kept."""

    def __init__(self, of: Import, seen: Callable[[int], None] | None = None) -> None:
        self._of, self._nth, self._left = of, 0, memoryview(b"")
        self._seen, self._count = seen, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        if not self._left:
            part = FilePart.objects.filter(of=self._of, nth=self._nth).values_list("data", flat=True).first()
            if part is None:
                return 0
            self._nth += 1
            self._left = memoryview(zlib.decompress(bytes(part)))
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        self._count += count
        if self._seen is not None:
            self._seen(self._count)
        return count


def opened(of: Import, seen: Callable[[int], None] | None = None) -> io.BufferedReader:
    """seen: told how many bytes have been read."""
    return io.BufferedReader(Stream(of, seen), 256 * 1024)
