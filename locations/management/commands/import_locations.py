"""`manage.py import_locations`: see locations.ocpi for the fields, locations.ocpi_import for what changes."""

import sys
from argparse import ArgumentParser
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from locations import ids
from locations.models import CPO
from locations.ocpi_files import BadFile
from locations.ocpi_import import Refusal, import_locations


class Command(BaseCommand):
    help = (
        "Creates and changes the locations and EVSEs of one CPO from OCPI 2.1.1 or 2.2.1 location objects: a JSON list,"
        " an OCPI response, one object, or one object a line; plain or gzip. Rows that cannot be taken are reported,"
        " one a line, and the exit code is then 1. What the file does not mention stays as it is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the file to read; - for standard input")
        parser.add_argument("--cpo", metavar="CC-PID", required=True, help="whose locations these are, like NL-GFX")
        parser.add_argument("--dry-run", action="store_true", help="report what would happen, and change nothing")

    def handle(self, *args: Any, file: str, cpo: str, dry_run: bool, **options: Any) -> None:
        try:
            with _opened(file) as stream:
                totals = import_locations(
                    _find(cpo), stream, lambda refusal: self.stderr.write(str(refusal)), dry_run=dry_run
                )
        except BadFile as error:
            raise CommandError(f"{file} {error}.") from None
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
        except OperationalError as error:
            raise CommandError(f"The database does not answer: {str(error).splitlines()[0]}") from None
        self.stdout.write(f"{'Nothing was changed. It would be: ' if dry_run else ''}{totals}")
        if totals.failed or totals.evses_refused:
            sys.exit(1)

    def _report(self, refusal: Refusal) -> None:
        self.stderr.write(str(refusal))


def _opened(file: str) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb")


def _find(code: str) -> CPO:
    try:
        country_code, party_id = ids.party(code)
        return CPO.objects.get(country_code=country_code, party_id=party_id)
    except ids.BadId as error:
        raise CommandError(f"--cpo {code}: {error}") from None
    except CPO.DoesNotExist:
        raise CommandError(f"There is no CPO {country_code}-{party_id}: create it first.") from None
