"""Who exports and erases: an Admin, and whoever manages the person's eMSP with a role that allows it."""

from typing import Any

from django.db.models import Q

from locations.access import Scope, managed_by, rule, within
from people.models import Erasure
from tokens.access import emsps

EXPORTS, ERASES = "people.view_erasure", "people.add_erasure"


def _of_own_emsps(scope: Scope) -> Q:
    return within("emsp", emsps(scope))


rule(Erasure, managed=_of_own_emsps)


def may(scope: Scope, permission: str, obj: Any) -> bool:
    """Whether the user may export or erase a driver or a charge token."""
    return scope.may(permission) and managed_by(scope, type(obj)._default_manager.filter(pk=obj.pk)).exists()
