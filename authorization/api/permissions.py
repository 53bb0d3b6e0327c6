"""Who may use the management API. Managers come in with their scope; until then it is Admin's.

DRF imports this module while it imports its views, so nothing here may import those.
"""

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from authorization.services.keys import Caller
from locations.access import is_admin


class IsPortalAdmin(BasePermission):
    """An Admin, by session or by a user's key. Another kind of key is 403 `wrong_key`, no key 401."""

    message = "Only an Admin may do this."

    def has_permission(self, request: Request, view: Any) -> bool:
        caller = request.auth
        if isinstance(caller, Caller) and caller.user is None:
            raise PermissionDenied(
                "The management API wants a portal user's key, not a charge station's or a CPO's.", "wrong_key"
            )
        return is_admin(request.user)
