"""Who may use the management API. Managers come in with their scope; until then it is Admin's."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from authorization.api.errors import WrongKey
from authorization.services.keys import Caller
from locations.access import is_admin


class IsPortalAdmin(BasePermission):
    """An Admin, by session or by a user's key. Another kind of key is 403 `wrong_key`, no key 401."""

    message = "Only an Admin may do this."

    def has_permission(self, request: Request, view: APIView) -> bool:
        caller = request.auth
        if isinstance(caller, Caller) and caller.user is None:
            raise WrongKey("The management API wants a portal user's key, not a charge station's or a CPO's.")
        return is_admin(request.user)
