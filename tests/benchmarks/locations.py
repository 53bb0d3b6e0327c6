"""All real locations at hand into a fresh database: how long import_locations takes, first and again.

Reads ../shared/data/locations/*.ndjson.gz beside the repository and says so where they are missing. Each source is
one CPO.
"""

import gzip
import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from locations.models import CPO, EVSE, Location
from locations.ocpi_import import Totals, import_locations

FILES = Path(__file__).resolve().parents[3] / "shared" / "data" / "locations"
Print = Callable[[str], object]


def run(print: Print = print) -> dict[str, float]:  # noqa: A002 - it says what to pass
    """Figures by name: seconds and locations a second, of the first import and of the same once more."""
    files = sorted(FILES.glob("*.ndjson.gz"))
    if not files:
        print(f"skipped: there is nothing at {FILES}")
        return {}
    sources = ocpi_files(files)
    figures: dict[str, float] = {}
    with fresh_database():
        cpos = {source: _cpo(number) for number, source in enumerate(sources)}
        for name in ("locations_import", "locations_again"):
            started = time.perf_counter()
            totals = [_import(cpos[source], content) for source, content in sources.items()]
            seconds = time.perf_counter() - started
            rows = sum(each.new + each.unchanged + each.changed + each.failed for each in totals)
            print(_line(name, totals, rows, seconds))
            figures |= {f"{name}_s": seconds, f"{name}_per_s": rows / seconds}
        print(f"in the database: {Location.objects.count():,} locations, {EVSE.objects.count():,} EVSEs")
    return figures


def ocpi_files(files: list[Path]) -> dict[str, bytes]:
    """By source: gzipped location objects, one a line."""
    lines: dict[str, list[str]] = {}
    for file in files:
        with gzip.open(file, "rt", encoding="utf-8") as stream:
            for line in stream:
                record = json.loads(line)
                lines.setdefault(record["src"], []).append(json.dumps(to_ocpi(record)))
    return {source: gzip.compress("\n".join(rows).encode(), 1) for source, rows in sorted(lines.items())}


def to_ocpi(record: dict[str, Any]) -> dict[str, Any]:
    """A record as found, in the shape of an OCPI 2.2.1 location. Its EVSEs have no uid but their id."""
    return {
        "id": record["id"],
        "name": record["name"],
        "address": record["address"],
        "city": record["city"],
        "postal_code": record["postal_code"],
        "country": record["country"],
        "coordinates": {"latitude": record["lat"], "longitude": record["lon"]},
        "time_zone": record["tz_derived"],
        "operator": {"name": record["operator"]} if record["operator"] else None,
        "evses": [{"uid": evse_id, "evse_id": evse_id} for evse_id in record["evse_ids"] or ()],
    }


@contextmanager
def fresh_database() -> Iterator[None]:
    """An empty, migrated database of its own, dropped afterwards; what DATABASE_URL names is not touched."""
    name = settings.DATABASES["default"]["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def _cpo(number: int) -> CPO:
    return CPO.objects.create(country_code="XX", party_id=f"B{number:02}", name=f"Source {number}")


def _import(cpo: CPO, content: bytes) -> Totals:
    return import_locations(cpo, io.BytesIO(content), lambda refusal: None)


def _line(name: str, totals: list[Totals], rows: int, seconds: float) -> str:
    counts = {
        "new": sum(each.new for each in totals),
        "unchanged": sum(each.unchanged for each in totals),
        "failed": sum(each.failed for each in totals),
        "EVSEs": sum(each.evses_new for each in totals),
        "EVSEs refused": sum(each.evses_refused for each in totals),
    }
    said = ", ".join(f"{value:,} {what}" for what, value in counts.items() if value)
    return f"{name:<20} {rows:,} locations in {seconds:.1f} s, {rows / seconds:,.0f} a second ({said})"
