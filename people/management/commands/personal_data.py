"""`manage.py personal_data`: what there is about a person, and its erasure, for who has the server."""

import sys
from argparse import ArgumentTypeError
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from locations.access import Scope
from people import says
from people.erase import erase
from people.export import export
from people.person import person_of
from tokens.models import Driver, Token

KINDS: dict[str, Any] = {"driver": Driver, "token": Token}


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ArgumentTypeError(f"{text!r} is no number: it stands in the address of the object's page.")
    return int(text)


class Command(BaseCommand):
    help = "Prints all that there is about a driver or a charge token as JSON; or erases it, with --erase --yes."

    def add_arguments(self, parser: CommandParser) -> None:
        who = parser.add_mutually_exclusive_group(required=True)
        who.add_argument("--driver", type=_number, metavar="ID", help="a driver, with all charge tokens")
        who.add_argument("--token", type=_number, metavar="ID", help="one charge token")
        parser.add_argument("--erase", action="store_true", help="erase it; without --yes: say what that would do")
        parser.add_argument("--yes", action="store_true", help="do erase it: this cannot be undone")

    def handle(self, *args: Any, **options: Any) -> None:
        kind = "driver" if options["driver"] is not None else "token"
        obj = KINDS[kind].objects.filter(pk=options[kind]).first()
        if obj is None:
            raise CommandError(f"There is no {kind} {options[kind]}.")
        if not options["erase"]:
            for piece in export(obj, Scope(everything=True), timezone.now()):
                sys.stdout.write(piece.decode())
            sys.stdout.write("\n")
        elif not options["yes"]:
            self.stdout.write("\n".join([*says.lines(obj, person_of(obj)), "To do it, add --yes."]))
        else:
            self._erase(obj)

    def _erase(self, obj: Driver | Token) -> None:
        try:
            record = erase(obj, None, timezone.now())
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        for table, number in sorted(record.counts.items()):
            self.stdout.write(f"{table}: {number}")
