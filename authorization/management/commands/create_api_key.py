"""`manage.py create_api_key`: a new key on standard output, alone, once."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from authorization.services import create_key
from locations.ids import BadId, identity, party
from locations.models import CPO, ChargeStation


class Command(BaseCommand):
    help = "Makes an API key for a portal user, a charge station or a CPO, and prints it. It is shown this once."

    def add_arguments(self, parser: CommandParser) -> None:
        scope = parser.add_mutually_exclusive_group(required=True)
        scope.add_argument("--user", metavar="NAME", help="a portal user's name")
        scope.add_argument("--station", metavar="IDENTITY", help="a charge station's identity")
        scope.add_argument("--cpo", metavar="CC-PID", help="a CPO, like NL-GFX: the key reaches its sub-CPOs too")
        parser.add_argument("--name", metavar="TEXT", default="", help="what the key is for")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            scope = self._scope(options)
        except (User.DoesNotExist, ChargeStation.DoesNotExist, CPO.DoesNotExist):
            kind = next(kind for kind in ("user", "station", "cpo") if options[kind])
            raise CommandError(f"There is no {kind} {options[kind]!r}.") from None
        except BadId as error:
            raise CommandError(str(error)) from None
        _, text = create_key(name=options["name"], **scope)
        self.stdout.write(text)

    def _scope(self, options: dict[str, Any]) -> dict[str, Any]:
        if options["user"]:
            return {"user": User.objects.get(username=options["user"])}
        if options["station"]:
            return {"station": ChargeStation.objects.get(identity_normal=identity(options["station"]))}
        country_code, party_id = party(options["cpo"])
        return {"cpo": CPO.objects.get(country_code=country_code, party_id=party_id)}
