"""One world for the drills of a process, and the table of what they found at the end of the run."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.drills import report
from tests.drills.world import World

LONG = os.environ.get("DRILLS") == "long"  # as `make drills` runs them
only_long = pytest.mark.skipif(not LONG, reason="takes minutes: make drills")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.drill)
            if not Path("/proc/self").exists():
                item.add_marker(pytest.mark.skip(reason="looks for processes in /proc"))


@pytest.fixture(scope="package")
def world() -> Iterator[World]:
    found = World()
    try:
        found.start()
        yield found
    finally:
        found.stop()


@pytest.fixture
def note(record_property: Callable[[str, Any], None]) -> Callable[[dict[str, Any]], None]:
    """Keeps figures for the table at the end; through the test's report, for another process may print it."""
    return lambda figures: record_property(report.PROPERTY, figures)


@pytest.fixture(autouse=True)
def _last_words(request: pytest.FixtureRequest) -> Iterator[None]:
    """What the servers said, where a drill failed."""
    yield
    failed = getattr(request.node, "failed", False)
    if failed and "world" in request.fixturenames:
        print(request.getfixturevalue("world").logs())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    found = yield
    if found.when == "call":
        item.failed = found.failed  # type: ignore[attr-defined]
    return found


def pytest_terminal_summary(terminalreporter: Any) -> None:
    tests = [each for kind in ("passed", "failed") for each in terminalreporter.stats.get(kind, [])]
    figures = [value for test in tests for name, value in test.user_properties if name == report.PROPERTY]
    for line in report.tables(figures):
        terminalreporter.write_line(line)
