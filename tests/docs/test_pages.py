"""What the pages name is there: files, headings, pictures, commands, targets, variables."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from django.apps import apps
from django.core.management import get_commands

from portal import roles
from portal.stack.options import PROJECT
from tests.docs.pages import DOCS, anchors, code, links, pages, section, table

PICTURES = DOCS / "pictures"
MOST_BYTES = 150_000
# Named in the docs and read by others than us, or by a process that the stack starts.
FOREIGN = {"ARGS", "BENCH_ROWS", "BENCH_SIZE", "DJANGO_SUPERUSER_PASSWORD", "DRILLS", "PYTHON", "PIP_INDEX_URL"}
# OpenTelemetry's own.
FOREIGN |= {"OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"}
FOREIGN |= {"OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_EXPORTER_OTLP_HEADERS"}
# Shell variables of the guides' own blocks.
_SET = re.compile(r"^\s*(?:export )?([A-Z][A-Z0-9_]*)=", re.MULTILINE)
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|HOST|PORT|PROXIES|PRODUCTION|DEBUG")
_NAME = {page: str(page.relative_to(PROJECT)) for page in pages()}


@pytest.mark.parametrize("page", pages(), ids=_NAME.get)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / unquote(path)).resolve() if path else page
        assert target.exists(), f"{link}: no such file"
        assert target.is_relative_to(PROJECT), f"{link} leads out of the project"
        if anchor:
            assert anchor in anchors(target), f"{link}: no such heading, there are {sorted(anchors(target))}"


def test_pictures_are_small_and_used() -> None:
    used = {(page.parent / link).resolve() for page in pages() for link in links(page) if "://" not in link}
    for picture in PICTURES.iterdir():
        assert picture.stat().st_size < MOST_BYTES, f"{picture.name} is too large"
        assert picture in used, f"no page shows {picture.name}"


@pytest.mark.parametrize("page", pages(), ids=_NAME.get)
def test_commands_and_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    for text in code(page):
        for command in re.findall(r"manage\.py ([a-z][a-z_]+)", text):
            assert command in get_commands(), f"manage.py {command}: no such command"
        for target in re.findall(r"(?:^|[;&] *)make ([a-z]+)", text, re.MULTILINE):
            assert target in targets, f"make {target}: no such target"


def _read_somewhere() -> set[str]:
    """Variables that a program of ours asks the environment for."""
    found: set[str] = set()
    for path in (*PROJECT.glob("portal/**/*.py"), *PROJECT.glob(".ci/*"), PROJECT / "tests/drills/test_drills.py"):
        found.update(re.findall(r"[\"'{$]([A-Z][A-Z0-9_]+)\b", path.read_text()))
    for path in (*PROJECT.glob("deploy/**/*"), PROJECT / "Containerfile"):
        if path.is_file():
            found.update(re.findall(r"\b[A-Z][A-Z0-9_]+\b", path.read_text()))
    return found


# Those of the decisions name constants of the code, too.
@pytest.mark.parametrize("page", [page for page in pages() if page.parent.name != "adr"], ids=_NAME.get)
def test_variables_are_read(page: Path) -> None:
    texts = code(page)
    own = {name for text in texts if "\n" in text for name in _SET.findall(text)}
    reasons = set(re.findall(r'"([A-Z_]+)"', (PROJECT / "authorization/engine/reasons.py").read_text()))
    named = {text.partition("=")[0] for text in texts if _VARIABLE.fullmatch(text.partition("=")[0])}
    known = _read_somewhere() | own | reasons | FOREIGN
    assert named <= known, f"nobody reads {sorted(named - known)}"


def test_the_readme_has_every_setting() -> None:
    shown = {
        name
        for row in table(section(PROJECT / "README.md", "Configure it"))
        for name in re.findall(r"`([A-Z_]+)`", row[0])
    }
    text = (PROJECT / "portal/settings.py").read_text()
    read = set(re.findall(r"(?:env\.str|_flag|_number)\(\s*\"([A-Z_]+)\"", text))
    assert read - {"DEBUG"} <= shown


def test_roles_are_as_the_administrators_guide_shows_them() -> None:
    page = DOCS / "guides" / "administrator.md"
    text = section(page, "Roles")
    shown = {row[0].lower(): [set(cell.split()) - {"–"} for cell in row[1:3]] for row in table(text)}
    wanted: dict[str, list[set[str]]] = {}
    for app, model in roles.offered():
        plural = str(apps.get_model(app, model)._meta.verbose_name_plural).lower()
        wanted[plural] = [
            {letter for letter, action in (("S", "view"), ("A", "add"), ("C", "change"))
             if f"{app}.{action}_{model}" in roles.permissions_of(role)}
            for role in (roles.CPO_MANAGER, roles.EMSP_MANAGER)
        ]  # fmt: skip
    assert shown == wanted
