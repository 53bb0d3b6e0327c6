"""The roles that every installation has, and what each may do. `migrate` makes them, and brings them up to date.

A role says which kinds of objects and how; which of them, the grants say. An Admin can make further roles of the same
permissions. Deleting is in none of them: only an Admin deletes.
"""

from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction

from locations import access

BUILT_IN = access.BUILT_IN
ADMIN, CPO_MANAGER, EMSP_MANAGER = BUILT_IN

EDIT = ("add", "change", "view")
# What all managers see: parties, places and cards, as far as their grants and the other side's consent go; and make.
_ANY: dict[str, dict[str, tuple[str, ...]]] = {
    "locations": {"cpo": ("view",), "location": ("view",), "evse": ("view",), "chargestation": ("view",)},
    "tokens": {
        "emsp": ("view",),
        "customer": ("view",),
        "driver": ("view",),
        "token": ("view",),
        "directorygrant": ("view",),
    },
    "authorization": {"exceptiongroup": EDIT, "chargeexception": EDIT, "decision": ("view",), "apikey": ("view",)},
    # Into what, the role says by what it may change there.
    "imports": {"import": EDIT},
}
_MORE: dict[str, dict[str, dict[str, tuple[str, ...]]]] = {
    CPO_MANAGER: {
        "locations": {"location": EDIT, "evse": EDIT, "chargestation": EDIT},
        "authorization": {"apikey": EDIT},
        "chargers": {"authorizationinuse": ("view",), "command": ("add", "view")},
    },
    EMSP_MANAGER: {
        "tokens": {"customer": EDIT, "driver": EDIT, "token": EDIT, "directorygrant": EDIT},
        # Exports a person's data, and erases it.
        "people": {"erasure": ("add", "view")},
    },
}
# Of no role here: an Admin gives it to whoever has to read which card it was that nobody knows.
READ_PRESENTED = "authorization.read_presented"
OURS = ("locations", "tokens", "authorization", "imports", "chargers", "subscriptions", "people", "auth")
LAST = "people"


def permissions_of(role: str) -> set[str]:
    """The permissions of one of the roles here, as "app.codename"; an Admin's are all there are of our models."""
    if role == ADMIN:
        # History is written by triggers alone.
        own = Permission.objects.filter(content_type__app_label__in=OURS).exclude(content_type__model__endswith="event")
        return {f"{app}.{code}" for app, code in own.values_list("content_type__app_label", "codename")}
    return {
        f"{app}.{action}_{model}"
        for part in (_ANY, _MORE[role])
        for app, models in part.items()
        for model, actions in models.items()
        for action in actions
    }


def offered() -> dict[tuple[str, str], tuple[str, ...]]:
    """What further roles are made of: (app, model) → actions. It is what managers' roles have; deleting is not."""
    found: dict[tuple[str, str], set[str]] = {}
    for part in (_ANY, *_MORE.values()):
        for app, models in part.items():
            for model, actions in models.items():
                found.setdefault((app, model), set()).update(actions)
    return {key: tuple(action for action in ("view", "add", "change") if action in found[key]) for key in found}


def after_migrate(sender: AppConfig, **kwargs: Any) -> None:
    """Django says so once for each app, the last of ours last; the permissions of the models may not be there yet."""
    if sender.label != LAST or Group._meta.db_table not in connection.introspection.table_names():
        return
    for app in OURS:
        create_permissions(apps.get_app_config(app), verbosity=0)
    settle()


def settle() -> None:
    """Makes the roles, and gives each exactly its permissions. Users and other roles keep what they have."""
    with transaction.atomic():
        for name in BUILT_IN:
            role, _ = Group.objects.get_or_create(name=name)
            wanted = permissions_of(name)
            rows = Permission.objects.filter(content_type__app_label__in=OURS).select_related("content_type")
            role.permissions.set([row for row in rows if f"{row.content_type.app_label}.{row.codename}" in wanted])
