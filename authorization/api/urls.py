"""`/api/v1/`. Every path works with and without its trailing slash: a redirect would lose a body."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import re_path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.routers import SimpleRouter

from authorization.api.charging import AuthorizeView, BatchView, ExplainView
from authorization.api.health import StatusView
from authorization.api.resources import accounts, exceptions, groups, keys, log, places, tokens
from authorization.api.schema import Docs, Schema


class Router(SimpleRouter):
    def __init__(self) -> None:
        super().__init__()
        self.trailing_slash = "/?"

    def get_routes(self, viewset: Any) -> list[Any]:
        # What hangs below an object comes before the object, for a station's identity may hold slashes.
        return sorted(super().get_routes(viewset), key=lambda route: route.url.endswith("{lookup}{trailing_slash}$"))


@csrf_exempt
def not_found(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"code": "not_found", "detail": "There is no such path."}, status=404)


router = Router()
router.register("cpos", places.CPOs)
router.register("locations", places.Locations)
router.register("evses", places.EVSEs)
router.register("charge-stations", places.ChargeStations)
router.register("emsps", tokens.EMSPs)
router.register("customers", tokens.Customers)
router.register("drivers", tokens.Drivers)
router.register("tokens", tokens.Tokens)
router.register("directory-grants", tokens.DirectoryGrants)
router.register("exception-groups", groups.ExceptionGroups)
router.register("exceptions", exceptions.Exceptions)
router.register("authorizations", log.Authorizations)
router.register("api-keys", keys.ApiKeys)
router.register("roles", accounts.Roles)
router.register("grants", accounts.Grants, basename="grant")

urlpatterns = [
    re_path(r"^authorize/?$", AuthorizeView.as_view()),
    re_path(r"^authorize/batch/?$", BatchView.as_view()),
    re_path(r"^explain/?$", ExplainView.as_view()),
    re_path(r"^status/?$", StatusView.as_view()),
    re_path(r"^schema/?$", Schema.as_view(), name="schema"),
    re_path(r"^docs/?$", Docs.as_view()),
    *router.urls,
    re_path(r"", not_found),
]
