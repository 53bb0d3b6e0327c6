"""`manage.py seed_demo`: see portal.demo."""

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from portal.demo.people import DemoFile, path
from portal.demo.seed import seed
from portal.demo.world import SIZES


class Command(BaseCommand):
    help = (
        "Fills the database with a demo world: parties, places, cards, rules and a day of decisions, with users to "
        "log in as. small: some 50 locations; medium: 1,000 locations and 50,000 tokens; large: 100,000 and 1,000,000, "
        "with 10,000 exceptions. What is there already stays as it is, so a second run adds nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--size", choices=SIZES, default="small")
        parser.add_argument("--seed", type=int, default=1, help="another number, other places and people")
        parser.add_argument("--if-empty", action="store_true", help="only where there is no CPO, no eMSP and no user")
        parser.add_argument("--force", action="store_true", help="in production mode too")

    def handle(self, *args: Any, size: str, if_empty: bool, force: bool, **options: Any) -> None:
        if settings.PRODUCTION and not force:
            raise CommandError("This is production mode: seed_demo makes users and keys. Add --force if you mean it.")
        made = seed(size, options["seed"], timezone.now(), self._progress(size), if_empty=if_empty)
        if made is None:
            self.stdout.write("The database is not empty: nothing to do.")
            return
        self.stdout.write(f"{made.rows:,} rows and {made.decisions:,} decisions are new.")
        if made.demo_is_new:
            self._introduce(made.demo)

    def _progress(self, size: str) -> Any:
        return (lambda line: None) if size == "small" else (lambda line: self.stderr.write(f"  {line}"))

    def _introduce(self, demo: DemoFile) -> None:
        for name, password in demo.users.items():
            self.stdout.write(f"  {name:<5}  password {password}")
        for name in sorted({"admin", "cpo", "emsp"} - demo.users.keys()):
            self.stdout.write(f"  {name:<5}  keeps the password it had; `manage.py changepassword {name}` sets another")
        self.stdout.write(
            f"curl -H 'Authorization: Token {demo.api_key}' -H 'Content-Type: application/json' "
            f"-d '{json.dumps(demo.curl_body)}' http://{settings.HOST}:{settings.PORT}/api/v1/authorize"
        )
        self.stdout.write(f"These are in {path()}.")
