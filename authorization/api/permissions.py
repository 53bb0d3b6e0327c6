"""Who may use the management API: a role says which kinds of objects and how, the grants say which of them.

DRF imports this module while it imports its views, so nothing here may import those.
"""

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from authorization.services.keys import Caller
from locations.access import managed_by, scope_of_request


def refuse_other_keys(request: Request) -> None:
    """Another kind of key than a portal user's is 403 `wrong_key`."""
    caller = request.auth
    if isinstance(caller, Caller) and caller.user is None:
        raise PermissionDenied(
            "The management API wants a portal user's key, not a charge station's or a CPO's.", "wrong_key"
        )


class MayManage(BasePermission):
    """A portal user, by session or by key, whose role has the permission of the model. No key is 401.

    Objects are looked up before the right to change them is asked for, so that another party's is 404 like a missing
    one, whatever is to be done to it. Only an Admin deletes.
    """

    message = "Your role does not allow this."

    def has_permission(self, request: Request, view: Any) -> bool:
        refuse_other_keys(request)
        if not request.user.is_authenticated:
            return False
        scope = scope_of_request(request)
        if scope.everything:
            return True
        creates = request.method == "POST" and not view.detail
        return not getattr(view, "admins_only", False) and scope.may(permission(view, "add" if creates else "view"))

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        scope = scope_of_request(request)
        if scope.everything or (request.method in SAFE_METHODS and not view.needs_management):
            return True
        if request.method == "DELETE" or not managed_by(scope, type(obj)._default_manager.filter(pk=obj.pk)).exists():
            return False
        return request.method in SAFE_METHODS or scope.may(permission(view, "change"))


def permission(view: Any, action: str) -> str:
    """The role's permission for an action on the view's model: "tokens.change_token"."""
    options = view.queryset.model._meta
    return f"{options.app_label}.{action}_{options.model_name}"
