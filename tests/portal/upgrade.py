"""`python -m tests.portal.upgrade`: an installation as it was, with rows in it, is migrated to now, and asked.

Prints JSON: {"before": {table: rows}, "after": {table: rows}, "answers": {question: reason}, "parties": [whose place,
whose card a decision of then was about]}.
"""

import json
import os
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import django

# The newest migrations of a commit of the first week, 87682a4 ("managers in the API, scope, roles, OpenAPI"), which
# stands for a previous release as there is none yet: three apps of today's seven, no weekly log, no copies' nodes, no
# imports, no log-ins. At a release, the table of its own migrations takes this one's place.
THEN = {"locations": "0003_grants", "tokens": "0003_directory", "authorization": "0006_named_as"}
TOKENS = 2_000
KEY = "cw_ofthen01_" + "0" * 32
PLACE = "NL*UPG*E1"
ZONE = "Europe/Amsterdam"
DECIDED_AT = datetime(2026, 11, 2, 8, tzinfo=UTC)


def write(apps: Any) -> None:
    """Rows of then, by the models of then; what the database's triggers say of them holds already."""

    def make(label: str, **fields: Any) -> Any:
        return apps.get_model(label).objects.create(**fields)

    operator = make("locations.CPO", country_code="NL", party_id="UPG", name="Upgraded", time_zone=ZONE)
    place = make("locations.Location", cpo=operator, location_id="L1", name="Site", time_zone=ZONE)
    make("locations.EVSE", location=place, uid="1", evse_id=PLACE)
    depot = make("locations.Location", cpo=operator, location_id="L2", name="Depot", time_zone=ZONE)
    make("locations.EVSE", location=depot, uid="1", evse_id="NL*UPG*E2")
    provider = make("tokens.EMSP", country_code="DE", party_id="UPG", name="Provider")
    members = make("tokens.Customer", emsp=provider, name="Members")
    token = apps.get_model("tokens.Token")
    token.objects.bulk_create(
        [token(emsp=provider, customer=members if n < 10 else None, uid=f"04{n:012X}") for n in range(TOKENS)]
    )
    make("authorization.AuthorizationListEntry", location=depot, customer=members)
    banned = make("authorization.ExceptionGroup", name="Banned", category="token")
    member = token.objects.get(uid=f"04{20:012X}")
    make("authorization.GroupMember", group=banned, category="token", token=member)
    sites = make("authorization.ExceptionGroup", name="Sites", category="location")
    make("authorization.GroupMember", group=sites, category="location", location=place)
    rule = make("authorization.ChargeException", name="Banned here", action="blacklist", direction="emsp_for_cpo")
    make("authorization.ExceptionCpoGroup", exception=rule, group=sites)
    make("authorization.ExceptionEmspGroup", exception=rule, group=banned)
    of_log = {"decided_at": DECIDED_AT, "caller": "of then", "token_type": "ISO14443", "revision": 1, "source": "cache"}
    make("authorization.Decision", location=depot, token=member, accepted=True, reason="ALLOWED", **of_log)
    prefix = KEY.split("_")[1]
    make("authorization.ApiKey", name="of then", cpo=operator, prefix=prefix, hash=sha256(KEY.encode()).digest())


def ask() -> dict[str, str]:
    from django.test import Client

    questions = {
        "a card": (30, PLACE),
        "a banned card": (20, PLACE),
        "a member at the depot": (5, "NL*UPG*E2"),
        "a stranger at the depot": (30, "NL*UPG*E2"),
        "an unknown card": (TOKENS + 1, PLACE),
    }
    client = Client(HTTP_AUTHORIZATION=f"Token {KEY}", SERVER_NAME="localhost")
    found = {}
    for name, (number, evse) in questions.items():
        body = {"id_token": f"04{number:012X}", "evse_id": evse}
        answer = client.post("/api/v1/authorize", body, content_type="application/json")
        found[name] = answer.json().get("reason", answer.content.decode())
    return found


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    from django.core.management import call_command
    from django.db import connection, transaction
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    targets = list(THEN.items())
    executor.migrate(targets)
    state = MigrationExecutor(connection).loader.project_state(targets)
    with transaction.atomic():  # a rule of then is looked at when its groups are there
        write(state.apps)
    tables = [model._meta.db_table for model in state.apps.get_models() if model._meta.app_label in THEN]
    before = counted(tables)
    call_command("migrate", verbosity=0, interactive=False)
    print(json.dumps({"before": before, "after": counted(tables), "answers": ask(), "parties": parties()}))


def parties() -> list[str]:
    from authorization.models import Decision

    decision = Decision.objects.select_related("cpo", "emsp").get(caller="of then")
    return [str(decision.cpo), str(decision.emsp)]


def counted(tables: list[str]) -> dict[str, int]:
    from django.db import connection

    found = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute("SELECT count(*) FROM " + connection.ops.quote_name(table))
            (found[table],) = cursor.fetchone()
    return found


if __name__ == "__main__":
    main()
