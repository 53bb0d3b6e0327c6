"""Files that go out: tokens, lists, members and errors, as CSV and XLSX, safe to open in a spreadsheet.

Columns are those of `resources`, so that what was exported can be imported again.
"""

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from django.http import FileResponse, StreamingHttpResponse
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from authorization.models import AuthorizationListEntry, ExceptionGroup, GroupMember
from authorization.services.groups import MEMBER_MODELS
from imports import staging
from imports.models import Import
from imports.resources import MEMBERS, ListRows, Rows, TokenRows
from imports.staging import PROBLEM_COLUMNS, Tables
from locations.access import Scope, managed_by, visible_to
from locations.models import Location
from tokens.models import Token

FORMATS = ("csv", "xlsx")
MOST_XLSX = 100_000  # rows; a workbook is written as a whole, 10,000 rows a second
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_BATCH = 2_000
_RUNS = ("=", "+", "-", "@", "\t", "\r")

Lines = Iterator[list[Any]]


class TooManyRows(ValueError):
    """More than a workbook is made for."""

    def __init__(self) -> None:
        super().__init__(f"A workbook of more than {MOST_XLSX:,} rows is not made: export CSV.")


def safe(value: Any) -> str:
    """A cell that no spreadsheet runs: what begins like a formula is quoted. Imports take the quote off again."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_RUNS) else text


def tokens(rows: Any) -> Lines:
    """Of a queryset of tokens that the user may see."""
    frame = TokenRows()
    yield frame.get_export_headers()
    for token in rows.select_related("customer", "driver").order_by("pk").iterator(chunk_size=_BATCH):
        yield frame.export_resource(token)


def authorization_list(location: Location, scope: Scope) -> Lines:
    """The tokens on the list. Of another's the Auth ID alone, as it was named there."""
    yield ListRows().get_export_headers()
    entries = AuthorizationListEntry.objects.filter(location=location, token__isnull=False)
    yield from _named(entries, scope)


def members(group: ExceptionGroup, scope: Scope) -> Lines:
    """The members that the user may see; of another's token the Auth ID, in a group of the user's own."""
    frame: Rows = MEMBERS[group.category]()
    yield frame.get_export_headers()
    rows = GroupMember.objects.filter(group=group)
    own = scope.everything or managed_by(scope, ExceptionGroup.objects.filter(pk=group.pk)).exists()
    seen = visible_to(scope, MEMBER_MODELS[group.category]._default_manager.all())
    if not (own and group.category == "token"):
        rows = rows.filter(**{f"{group.category}__in": seen.order_by().values("pk")})
    if group.category == "token":
        yield from _named(rows, scope)
        return
    below = {"driver": "driver__customer", "location": "location__cpo"}.get(group.category, group.category)
    for row in rows.select_related(below).order_by("pk").iterator(chunk_size=_BATCH):
        yield frame.export_resource(getattr(row, group.category))


def _named(rows: Any, scope: Scope) -> Lines:
    """Rows of lists and groups that name tokens: the Auth ID as the user may read it."""
    seen = visible_to(scope, Token.objects.all()).order_by().values("pk")
    mine = rows.filter(token__in=seen).values("pk")
    own = set() if scope.everything else set(mine.values_list("pk", flat=True))
    for row in rows.select_related("token").order_by("pk").iterator(chunk_size=_BATCH):
        knows = scope.everything or row.pk in own
        yield [row.token.auth_id if knows else row.auth_id_entered or row.auth_id]


def errors(of: Import) -> Lines:
    """What is wrong with a file."""
    yield list(PROBLEM_COLUMNS)
    for problem in staging.problems(Tables.of(of)):
        yield [problem[name] for name in PROBLEM_COLUMNS]


def as_csv(lines: Iterable[list[Any]], name: str) -> StreamingHttpResponse:
    """UTF-8 with a BOM, or Excel takes it for Windows-1252."""
    response = StreamingHttpResponse(_text(lines), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _text(lines: Iterable[list[Any]]) -> Iterator[bytes]:
    held = io.StringIO()
    writer = csv.writer(held)
    held.write("\N{BYTE ORDER MARK}")
    for nth, line in enumerate(lines, 1):
        writer.writerow([safe(cell) for cell in line])
        if nth % _BATCH == 0:
            yield held.getvalue().encode()
            held.seek(0)
            held.truncate()
    yield held.getvalue().encode()


def as_xlsx(lines: Iterable[list[Any]], name: str) -> FileResponse:
    """Every cell is text, so that Excel leaves its zeros alone. Raises TooManyRows."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(name[:31])
    for nth, line in enumerate(lines):
        if nth > MOST_XLSX:
            raise TooManyRows
        sheet.append([ILLEGAL_CHARACTERS_RE.sub("", safe(cell)) for cell in line])
    file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
    book.save(file)
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=f"{name}.xlsx", content_type=XLSX)
