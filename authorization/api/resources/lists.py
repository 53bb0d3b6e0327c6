"""`locations/{id}/authorization-list/`."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from authorization.access import seen_among
from authorization.api.pagination import MAX_PAGE
from authorization.api.resources.fields import id_list
from authorization.api.resources.refusals import writing
from authorization.handles import handle
from authorization.models import AuthorizationListEntry
from authorization.services import lists
from authorization.services.tags import list_tag
from locations.access import Scope, scope_of_request
from locations.models import Location

CUSTOMER_FIELDS = ("id", "name", "external_id")
TOKEN_FIELDS = ("id", "auth_id", "uid", "type", "external")
# Both the default and the most: a list of usual length comes whole.
PAGE_SIZE = 1000


def auth_id_list() -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField(), required=False, default=list)


class ListChange(serializers.Serializer[Any]):
    """Clear first, then remove, then add."""

    add_customers = id_list()
    add_tokens = id_list()
    add_auth_ids = auth_id_list()
    remove_customers = id_list()
    remove_tokens = id_list()
    clear = serializers.ChoiceField(choices=lists.CLEAR, required=False, default="")


class ListedCustomer(serializers.Serializer[Any]):
    """A customer on the list; without a name for who may not see it."""

    id = serializers.IntegerField()
    name = serializers.CharField(allow_null=True)
    external_id = serializers.CharField(allow_null=True)


class ListedToken(serializers.Serializer[Any]):
    """A token on the list; of another's the Auth ID alone, as it was named here."""

    id = serializers.IntegerField()
    auth_id = serializers.CharField(allow_null=True)
    uid = serializers.CharField(allow_null=True)
    type = serializers.CharField(allow_null=True)
    external = serializers.BooleanField(allow_null=True)


class ListShown(serializers.Serializer[Any]):
    """A page of the list, of customers and of tokens each, and what the list means for the location."""

    customers = ListedCustomer(many=True)
    tokens = ListedToken(many=True)
    customers_count = serializers.IntegerField()
    tokens_count = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    private = serializers.BooleanField()
    published = serializers.BooleanField()


PAGES = [OpenApiParameter("page", int), OpenApiParameter("page_size", int)]


class AuthorizationListMixin:
    """The action of the locations' viewset."""

    @extend_schema(methods=["GET"], responses=ListShown, parameters=PAGES, filters=False)
    @extend_schema(methods=["POST"], request=ListChange, responses=ListShown, parameters=PAGES)
    @action(detail=True, methods=["get", "post"], url_path="authorization-list")
    def authorization_list(self, request: Request, pk: str) -> Response:
        """GET: the list, `?page=` of customers and of tokens each. POST: a ListChange, whole or not at all. The `ETag`
        is of the whole list, on whichever page."""
        if request.method != "POST":
            location = self.get_object()  # type: ignore[attr-defined]
            # Before the list is read: a tag that is too old is refused, one that is too new hides a change.
            tag = {"ETag": list_tag(location)}
            return Response(shown(location, request), headers=tag)
        with writing():
            location = self.get_object()  # type: ignore[attr-defined]
            change = ListChange(data=request.data)
            change.is_valid(raise_exception=True)
            lists.change_authorization_list(location, scope=scope_of_request(request), **change.validated_data)
            tag = {"ETag": list_tag(location)}
        return Response(shown(location, request), headers=tag)

    def present_tag(self, instance: Location) -> str:
        whole = self.action == "authorization_list"  # type: ignore[attr-defined]
        return list_tag(instance) if whole else super().present_tag(instance)  # type: ignore[misc]


def shown(location: Location, request: Request) -> dict[str, Any]:
    """One page of the list (of customers and of tokens each), and what the list means for the location."""
    page, size = _number(request, "page", 1, MAX_PAGE), _number(request, "page_size", PAGE_SIZE, PAGE_SIZE)
    entries = AuthorizationListEntry.objects.filter(location=location)
    customers, tokens = entries.filter(customer__isnull=False), entries.filter(token__isnull=False)
    counts = customers.count(), tokens.count()
    rows = slice((page - 1) * size, page * size)
    scope = scope_of_request(request)
    return {
        "customers": _objects(customers, "customer", CUSTOMER_FIELDS, rows, scope),
        "tokens": _objects(tokens, "token", TOKEN_FIELDS, rows, scope),
        "customers_count": counts[0],
        "tokens_count": counts[1],
        "next": _page_link(request, page + 1) if max(counts) > rows.stop else None,
        "previous": _page_link(request, page - 1) if page > 1 else None,
        "private": any(counts),
        "published": location.published,
    }


def _objects(
    entries: QuerySet[Any], column: str, fields: tuple[str, ...], rows: slice, scope: Scope
) -> list[dict[str, Any]]:
    page = list(entries.select_related(column).order_by("pk")[rows])
    return represent_rows(page, column, fields, scope)


def represent_rows(rows: list[Any], column: str, fields: tuple[str, ...], scope: Scope) -> list[dict[str, Any]]:
    """What list entries or group members stand for. Of another's token the Auth ID alone, as it was named here; of
    another's customer or the like, that there is one."""
    seen = seen_among(rows, column, scope)
    return [
        represent(getattr(row, column), fields)
        if getattr(row, f"{column}_id") in seen
        else dict.fromkeys(fields)
        | {"id": handle(row.pk)}
        | ({"auth_id": row.auth_id_entered or row.auth_id} if column == "token" else {})
        for row in rows
    ]


def represent(row: Any, fields: tuple[str, ...]) -> dict[str, Any]:
    return {field: getattr(row, f"{field}_id" if field == "cpo" else field) for field in fields}


def _page_link(request: Request, page: int) -> str:
    return replace_query_param(request.build_absolute_uri(), "page", page)


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) < 1:
        raise ValidationError({name: ["Give a whole number, from 1."]})
    return min(int(text), most)
