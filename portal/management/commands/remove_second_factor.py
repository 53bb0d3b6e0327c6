"""`manage.py remove_second_factor NAME`: for the day on which no Admin gets in any more."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from portal.login import log, second_factor
from portal.login.models import Outcome


class Command(BaseCommand):
    help = "Forgets a user's authenticator app and recovery codes, and logs the user out of every browser."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the user's name")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["name"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['name']!r}.")
        if not second_factor.has_one(user):
            raise CommandError(f"{user} has no second factor.")
        second_factor.remove(user)
        log.note(None, Outcome.OFF, user)
        self.stdout.write(f"{user} has no second factor now. In production an Admin sets one up at the next log-in.")
