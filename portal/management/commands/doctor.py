"""`manage.py doctor`: what is wrong with this deployment, and what to do about it."""

from argparse import ArgumentParser
from typing import Any

import orjson
from django.core.management.base import BaseCommand

from portal.doctor import DOUBTFUL, GOOD, WRONG, look

SIGNS = {GOOD: "  ok ", DOUBTFUL: "  ?  ", WRONG: "WRONG"}


class Command(BaseCommand):
    help = "Looks at the settings, the database, Redis, worker, beat, copies, disk, clock, static files and e-mail."
    # It looks at the settings itself, and must not be stopped by what it is to tell of.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object a line, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ends with 1 where anything is wrong; what is doubtful does not count."""
        wrong = 0
        for finding in look():
            wrong += finding.state == WRONG
            if options["json"]:
                self.stdout.write(orjson.dumps(finding._asdict()).decode())
                continue
            self.stdout.write(f"{SIGNS[finding.state]}  {finding.part}: {finding.said}")
            if finding.hint and finding.state != GOOD:
                self.stdout.write(f"       {finding.hint}")
        if wrong:
            raise SystemExit(1)
