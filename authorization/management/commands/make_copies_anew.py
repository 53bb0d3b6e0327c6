"""`manage.py make_copies_anew`: has every node make its compiled copy from scratch, while it goes on answering."""

from typing import Any

from django.core.management.base import BaseCommand

from authorization.tasks import make_copies_anew


class Command(BaseCommand):
    help = "Has every node make its compiled copy from scratch, beside the one in use. No answer waits for it."

    def handle(self, *args: Any, **options: Any) -> None:
        make_copies_anew()
