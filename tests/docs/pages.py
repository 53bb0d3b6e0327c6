"""The project's prose: its pages, their headings, links, tables and blocks of code."""

import re
from pathlib import Path
from typing import NamedTuple

from portal.stack.options import PROJECT

DOCS = PROJECT / "docs"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")


class Block(NamedTuple):
    language: str
    text: str


def pages() -> list[Path]:
    return [*sorted(PROJECT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    return [Block(*found) for found in _FENCE.findall(page.read_text())]


def prose(page: Path) -> str:
    """Without the blocks of code."""
    return _FENCE.sub("", page.read_text())


def links(page: Path) -> list[str]:
    return _LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    found: dict[str, int] = {}
    for heading in _HEADING.findall(prose(page)):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
        found[name] = found.get(name, -1) + 1
    return {name if not number else f"{name}-{number}" for name, last in found.items() for number in range(last + 1)}


def code(page: Path) -> list[str]:
    """What is set as code: spans and blocks."""
    return _SPAN.findall(prose(page)) + [block.text for block in blocks(page)]


def section(page: Path, heading: str) -> str:
    """From a heading to the next one."""
    _, _, rest = page.read_text().partition(f"\n## {heading}\n")
    assert rest, f"{page.name} has no heading {heading}"
    return rest.partition("\n## ")[0]


def table(text: str) -> list[list[str]]:
    """The cells of the first table, without its head."""
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
