"""`python -m tests.drills.hand`: a Django process of its own that prepares the database and runs QuerySet.update().

A line of JSON in, [name, arguments]; a line of JSON out, the result or {"error": "…"}.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import django

PASSWORD = "admin-of-drills"


def prepare(tokens: int, crowd: int) -> dict[str, Any]:
    """Migrates and makes the cast: `tokens` cards that come and go, a few that are always refused, and a crowd."""
    from django.core.management import call_command
    from django.db import transaction

    call_command("migrate", verbosity=0, interactive=False)
    _static_files()
    with transaction.atomic():
        cast = _cast(tokens)
    _crowd(cast["provider"], crowd)
    return cast


def _cast(tokens: int) -> dict[str, Any]:
    from authorization.services import create_key
    from tests import factories

    operator, provider = factories.cpo(), factories.emsp()
    place = factories.location(operator)
    evse = factories.evse(place)
    closed = factories.location(operator)
    members = factories.customer(provider)
    factories.listed(closed, customer=members)
    cards = [factories.token(provider) for _ in range(tokens)]
    sites = [factories.location(operator) for _ in range(2)]
    for site in sites:
        factories.listed(site, customer=members)
    enemies = [factories.token(provider, auth_id=f"NL-NEW-C{number:08}") for number in range(8)]
    for enemy in enemies:
        factories.listed(sites[0], token=enemy)
    banned, toggled = factories.token(provider), factories.token(provider)
    site = factories.group("location", place)
    factories.exception("blacklist", "emsp_for_cpo", [site], [factories.group("token", banned)])
    rule = factories.exception("blacklist", "emsp_for_cpo", [site], [factories.group("token", toggled)], enabled=False)
    admin = factories.admin(username="admin", password=PASSWORD)
    return {
        "provider": provider.pk,
        "cards": [[card.pk, card.uid] for card in cards],
        "banned": banned.uid,
        "toggled": toggled.uid,
        "rule": rule.pk,
        "enemies": [
            [site.pk for site in sites],
            [site.location_id for site in sites],
            [[enemy.pk, enemy.auth_id] for enemy in enemies],
        ],
        "evse": evse.evse_id,
        "closed": closed.location_id,
        "charger": create_key(cpo=operator)[1],
        "admin": create_key(user=admin)[1],
    }


def _static_files() -> None:
    """Pages name static files by their manifest. Nobody fetches any here, so they need not be collected."""
    from django.conf import settings
    from django.contrib.staticfiles.finders import get_finders

    paths = {path.replace("\\", "/"): path for finder in get_finders() for path, _ in finder.list([])}
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    manifest = {"paths": paths, "version": "1.1", "hash": ""}
    Path(settings.STATIC_ROOT, "staticfiles.json").write_text(json.dumps(manifest))


def _crowd(emsp: int, count: int) -> None:
    """Tokens that nobody asks about: a full copy is to take a moment."""
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE tokens_token DISABLE TRIGGER USER")
        cursor.execute(
            """
            INSERT INTO tokens_token (emsp_id, type, uid, visual_number, issuer, valid, whitelist, language, external)
            SELECT %s, 'RFID', 'AA' || lpad(to_hex(n), 12, '0'), '', '', true, 'ALLOWED', '', false
            FROM generate_series(1, %s) AS n
            """,
            [emsp, count],
        )
        cursor.execute("ALTER TABLE tokens_token ENABLE TRIGGER USER")
        cursor.execute("NOTIFY chargeward, 'anew'")  # no trigger told of them


def update(token: int, valid: bool) -> int:
    from tokens.models import Token

    return Token.objects.filter(pk=token).update(valid=valid)


def send(names: list[str]) -> int:
    """Sends tasks by their names; how many."""
    from portal.celery import app

    for name in names:
        app.send_task(name)
    return len(names)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    from django.db import DatabaseError, close_old_connections

    commands = {"prepare": prepare, "update": update, "send": send}
    for line in sys.stdin:
        name, arguments = json.loads(line)
        close_old_connections()
        try:
            result = commands[name](*arguments)
        except DatabaseError as error:
            result = {"error": " ".join(str(error).split())}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
