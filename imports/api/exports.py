"""The files that go out: `tokens.csv`, `locations/{id}/authorization-list.csv`, …; the same as `.xlsx`."""

from typing import Any

from django.http import FileResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request

from authorization.api.errors import Problem
from authorization.api.resources.tokens import TokenFilter
from authorization.models import ExceptionGroup
from imports import exports
from locations.access import managed_by, scope_of_request, visible_to
from locations.models import Location
from tokens.models import Token

FILE = {(200, "text/csv"): OpenApiTypes.STR, (200, exports.XLSX): OpenApiTypes.BINARY}
FORMAT = OpenApiParameter("form", str, OpenApiParameter.PATH, enum=list(exports.FORMATS))


class Export(GenericAPIView[Any]):
    """One list as a file. Cells that a spreadsheet would run are quoted."""

    http_method_names = ["get", "head", "options"]
    detail = False
    needs_management = False
    pagination_class = None
    filter_backends = []

    def get_queryset(self) -> Any:
        return visible_to(scope_of_request(self.request), super().get_queryset())

    def answer(self, lines: exports.Lines, name: str, form: str) -> StreamingHttpResponse | FileResponse:
        try:
            return exports.as_csv(lines, name) if form == "csv" else exports.as_xlsx(lines, name)
        except exports.TooManyRows as error:
            raise Problem(str(error), "too_many_rows") from None


class TokensExport(Export):
    queryset = Token.objects.all()

    @extend_schema(
        operation_id="tokens_export",
        responses=FILE,
        parameters=[FORMAT, OpenApiParameter("emsp", int), OpenApiParameter("customer", int)],
    )
    def get(self, request: Request, form: str) -> Any:
        """The tokens that `tokens/` lists, with its filters."""
        filters = TokenFilter(request.query_params, queryset=self.get_queryset(), request=request)
        if not filters.is_valid():
            raise ValidationError(filters.errors)
        return self.answer(exports.tokens(filters.qs), "tokens", form)


class ListExport(Export):
    queryset = Location.objects.all()
    detail = True
    # A list is for who runs the place, not for who knows its name.
    needs_management = True

    def get_queryset(self) -> Any:
        return managed_by(scope_of_request(self.request), Location.objects.all())

    @extend_schema(operation_id="authorization_list_export", responses=FILE, parameters=[FORMAT])
    def get(self, request: Request, pk: str, form: str) -> Any:
        """The tokens on a location's authorization list, in the order they came."""
        lines = exports.authorization_list(self.get_object(), scope_of_request(request))
        return self.answer(lines, f"authorization-list-{pk}", form)


class MembersExport(Export):
    queryset = ExceptionGroup.objects.all()
    detail = True

    @extend_schema(operation_id="group_members_export", responses=FILE, parameters=[FORMAT])
    def get(self, request: Request, pk: str, form: str) -> Any:
        """The members of an exception group, by the ids that an import takes."""
        lines = exports.members(self.get_object(), scope_of_request(request))
        return self.answer(lines, f"members-{pk}", form)
