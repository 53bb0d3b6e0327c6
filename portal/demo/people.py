"""Who logs in to the demo, and with what: kept in DATA_DIR/demo.json, readable by its owner alone."""

import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import Group, User

from authorization.services import authenticate, create_key
from locations.access import MANAGE_CPO, grant
from locations.models import CPO, ChargeStation
from portal import roles
from portal.demo.cast import DEMO_QUESTION, DEMO_STATION
from tokens.access import MANAGE_EMSP
from tokens.models import EMSP

# No letter that looks like a digit.
_ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@dataclass(slots=True)
class DemoFile:
    """users: passwords by name. api_key and curl_body: a question that is answered by ALLOWED at any hour."""

    database: str = ""
    users: dict[str, str] = field(default_factory=dict)
    api_key: str = ""
    curl_body: dict[str, str] = field(default_factory=lambda: dict(DEMO_QUESTION))


def path() -> Path:
    return Path(settings.DATA_DIR) / "demo.json"


def settle(now: datetime) -> tuple[DemoFile, bool]:
    """Makes the users and the key that are missing, and writes the file. Returns it, and whether anything is new.

    Call it in the transaction that makes the rest, at its end: a file without its users does no harm, the next call
    makes them anew; users without a file could not log in. A user who is there already keeps the password.
    """
    known = _read()
    made = DemoFile(database=_database())
    for name, password in known.users.items():
        user = User.objects.filter(username=name).first()
        if user is not None and user.check_password(password):
            made.users[name] = password
    made.users |= _new_users()
    _give_roles(made.users)
    made.api_key = known.api_key if _is_demo_key(known.api_key, now) else _new_key()
    if made.users == known.users and made.api_key == known.api_key:
        return known, False
    _write(made)
    return made, True


def _new_users() -> dict[str, str]:
    users: dict[str, str] = {}
    missing = {"admin", "cpo", "emsp"} - set(User.objects.values_list("username", flat=True))
    for name in sorted(missing):
        users[name] = "".join(secrets.choice(_ALPHABET) for _ in range(14))
        user = User.objects.create_user(name, f"{name}@example.org", users[name], is_staff=True)
        if name == "admin":
            user.is_superuser = True
            user.save(update_fields=["is_superuser"])
        elif name == "cpo":
            grant(user, MANAGE_CPO, CPO.objects.get(country_code="NL", party_id="GFX"))
        else:
            grant(user, MANAGE_EMSP, EMSP.objects.get(country_code="NL", party_id="TVM"))
    return users


def _give_roles(names: Iterable[str]) -> None:
    """The demo's managers have their roles, those from before there were roles as well."""
    for name, role in (("cpo", roles.CPO_MANAGER), ("emsp", roles.EMSP_MANAGER)):
        if name in names:
            User.objects.get(username=name).groups.add(Group.objects.get(name=role))


def _is_demo_key(text: str, now: datetime) -> bool:
    caller = authenticate(text, now)
    return caller is not None and caller.station is not None


def _new_key() -> str:
    return create_key(name="Demo charger", station=ChargeStation.objects.get(identity=DEMO_STATION))[1]


def _database() -> str:
    """Which database this is, without its password."""
    url = urlsplit(settings.DATABASE_URL)
    return f"{url.hostname or ''}:{url.port or ''}{url.path}"


def _read() -> DemoFile:
    try:
        found: dict[str, Any] = json.loads(path().read_text())
        return DemoFile(found["database"], dict(found["users"]), found["api_key"], dict(found["curl_body"]))
    except (OSError, ValueError, KeyError, TypeError):
        return DemoFile()


def _write(made: DemoFile) -> None:
    """Whole or not at all, and never readable by others."""
    path().parent.mkdir(parents=True, exist_ok=True)
    draft = path().with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        json.dump(asdict(made), stream, indent=2)
        stream.write("\n")
    draft.replace(path())
