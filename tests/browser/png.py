"""Makes the browser's pictures small: a palette of 256 colours is enough for a page of text and labels."""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PALETTE = 256


def smaller(png: bytes) -> bytes:
    """The same picture with at most 256 colours: rarer ones become the nearest of those. Takes Chromium's own PNG: 8
    bits a channel, RGB or RGBA, not interlaced."""
    chunks = list(_chunks(png))
    width, height, _, kind = struct.unpack(">IIBB", chunks[0][1][:10])
    channels = {2: 3, 6: 4}[kind]
    data = zlib.decompress(b"".join(body for name, body in chunks if name == b"IDAT"))
    lines = _unfiltered(data, width * channels, channels)
    pixels = [[line[i : i + 3] for i in range(0, len(line), channels)] for line in lines]
    index, palette = _indexed(Counter(pixel for line in pixels for pixel in line))
    body = b"".join(b"\0" + bytes([index[pixel] for pixel in line]) for line in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = (b"IHDR", header), (b"PLTE", b"".join(palette)), (b"IDAT", zlib.compress(body, 9)), (b"IEND", b"")
    return SIGNATURE + b"".join(_chunk(name, content) for name, content in parts)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        at += size + 12


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _indexed(counts: Counter[bytes]) -> tuple[dict[bytes, int], list[bytes]]:
    palette = [colour for colour, _ in counts.most_common(PALETTE)]
    index = {colour: number for number, colour in enumerate(palette)}
    for colour in counts:
        if colour not in index:
            index[colour] = min(range(len(palette)), key=lambda number: _distance(colour, palette[number]))
    return index, palette


def _distance(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _unfiltered(data: bytes, size: int, channels: int) -> Iterator[bytes]:
    """Each line without its filter (PNG, section 9)."""
    above = bytes(size)
    for at in range(0, len(data), size + 1):
        kind, line = data[at], bytearray(data[at + 1 : at + 1 + size])
        for i in range(size) if kind else ():
            left = line[i - channels] if i >= channels else 0
            corner = above[i - channels] if i >= channels else 0
            line[i] = (line[i] + _predicted(kind, left, above[i], corner)) & 255
        above = bytes(line)
        yield above


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 1:
        return left
    if kind == 2:
        return up
    if kind == 3:
        return (left + up) // 2
    guess = left + up - corner
    return min((left, up, corner), key=lambda value: abs(guess - value))
