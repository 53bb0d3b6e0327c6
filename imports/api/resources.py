"""`imports`: upload, look, finalise. Every step is a call of `imports.services`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from authorization.api.errors import Conflict, TooLarge
from authorization.api.filters import IdFilter
from authorization.api.parsers import StrictJSONParser
from authorization.api.resources.base import Resource
from imports import exports, services
from imports.access import may_import
from imports.api.serializers import Finalise, ImportShown, ImportSummary, Reading, Upload, refuse_clear, refuse_columns
from imports.models import Import, Kind, Status

# What a multipart body has besides its file.
_FRAME = 1024 * 1024


class UploadParser(MultiPartParser):
    """Streams files to disk, and none that is too large."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        declared = str(parser_context["request"].META.get("CONTENT_LENGTH") or "")
        if declared.isdigit() and int(declared) > settings.IMPORT_MAX_BYTES + _FRAME:
            raise TooLarge(f"A file may have {settings.IMPORT_MAX_BYTES:,} bytes.")
        return super().parse(stream, media_type, parser_context)


class ImportFilter(filters.FilterSet):  # type: ignore[misc]
    kind = filters.ChoiceFilter(choices=Kind.choices)
    status = filters.ChoiceFilter(choices=Status.choices)
    emsp = IdFilter()
    location = IdFilter()
    group = IdFilter()
    cpo = IdFilter()


class Imports(Resource):
    """Files that come in. An import is its owner's; an Admin sees all. Nothing is changed before it is finalised."""

    queryset = Import.objects.select_related("owner")
    serializer_class = ImportShown
    filterset_class = ImportFilter
    search_fields = ["file_name"]

    def get_serializer_class(self) -> Any:
        return ImportSummary if self.action == "list" else ImportShown

    def get_parsers(self) -> list[Any]:
        # Before DRF knows the action: only a new import comes as a form.
        below = self.kwargs.get("pk") if hasattr(self, "kwargs") else None
        return [StrictJSONParser(), FormParser(), MultiPartParser()] if below else [UploadParser()]

    def get_object(self) -> Import:
        # Not locked: services move an import from one state to the next by conditional updates.
        of: Import = super(Resource, self).get_object()
        if self.request.method not in ("GET", "HEAD", "OPTIONS"):
            self.check_match(of)
        return of

    @extend_schema(request={"multipart/form-data": Upload}, responses={201: ImportShown})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A small file is read at once, and the answer is its preview; a large one is `staging` for a while."""
        upload = Upload(data=request.data, context=self.get_serializer_context())
        upload.is_valid(raise_exception=True)
        if not may_import(self.scope, upload.validated_data["kind"]):
            raise PermissionDenied("Your role does not allow this.")
        new, file = upload.made()
        new.owner_id = request.user.pk
        return self.shown(services.begin(new, file.chunks(256 * 1024)), status.HTTP_201_CREATED)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        of = self.get_object()
        if of.busy and services.waits_long(of):
            services.look_after(of)
        return self.shown(of)

    @extend_schema(request=Reading, responses=ImportShown)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Before it is finalised: how the file is to be read, all of it anew. What is not given is recognised."""
        of = self.get_object()
        change = Reading(data=request.data)
        change.is_valid(raise_exception=True)
        values = change.validated_data
        said = change.said(values)
        of.clear = values["clear"] if "clear" in request.data else of.clear
        refuse_clear(of)
        refuse_columns(of, said)
        with _refusals():
            services.read_again(of, said, of.clear)
        return self.shown(of)

    def perform_destroy(self, instance: Import) -> None:
        with _refusals():
            services.remove(instance)

    @extend_schema(request=Finalise, responses=ImportShown)
    @action(detail=True, methods=["post"])
    def finalise(self, request: Request, pk: str) -> Response:
        """All rows, or none. 409 where rows have errors and `skip_errors` does not leave them out."""
        of = self.get_object()
        how = Finalise(data=request.data)
        how.is_valid(raise_exception=True)
        with _refusals():
            services.finalise(of, skip_errors=how.validated_data["skip_errors"])
        return self.shown(of)

    @extend_schema(request=None, responses=ImportShown)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Ends an import that was not finalised."""
        of = self.get_object()
        with _refusals():
            services.cancel(of)
        return self.shown(of)

    @extend_schema(request=None, responses=ImportShown)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        """Takes back what a file did to an authorization list, while nothing else has touched the list."""
        of = self.get_object()
        with _refusals():
            services.undo(of)
        return self.shown(of)

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    @action(detail=True, url_path=r"errors\.csv", url_name="errors")
    def errors(self, request: Request, pk: str) -> HttpResponse | StreamingHttpResponse:
        """Every error by row, column and value."""
        of = self.get_object()
        return exports.as_csv(exports.errors(of), f"import-{of.pk}-errors")


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except services.RowsHaveErrors as error:
        raise Conflict(str(error), "rows_have_errors") from None
    except services.WrongStatus as error:
        raise Conflict(str(error), "wrong_status") from None
