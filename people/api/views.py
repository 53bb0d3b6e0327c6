"""`drivers/{id}/personal-data/`, `drivers/{id}/erase/`, the same of `tokens/`; and `erasures/`."""

from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from authorization.api.errors import Conflict
from authorization.api.resources.base import Resource
from authorization.api.resources.refusals import writing
from authorization.api.resources.tokens import DriverSerializer, TokenSerializer
from locations.access import scope_of_request, visible_to
from people.access import ERASES, EXPORTS
from people.erase import Busy, erase
from people.export import export, file_name
from people.models import Erasure
from tokens.models import Driver, Token


class ErasureSerializer(serializers.ModelSerializer[Erasure]):
    counts = serializers.DictField(child=serializers.IntegerField())

    class Meta:
        model = Erasure
        fields = ["id", "kind", "emsp", "by_name", "at", "counts", "finished_at"]


class Erasures(ReadOnlyModelViewSet[Erasure]):
    """That data was erased: when, by whom, and how many rows of each table."""

    queryset = Erasure.objects.all()
    serializer_class = ErasureSerializer
    lookup_value_regex = "[0-9]{1,19}"
    needs_management = False
    filter_backends = []

    def get_queryset(self) -> Any:
        return visible_to(scope_of_request(self.request), super().get_queryset())


class ConfirmSerializer(serializers.Serializer[Any]):
    confirm = serializers.BooleanField(help_text="true: it cannot be undone.")

    def validate_confirm(self, value: bool) -> bool:
        if not value:
            raise serializers.ValidationError("Say true: this cannot be undone.")
        return value


class Person(Resource):
    """Of one driver with all charge tokens, or of one charge token."""

    http_method_names = ["get", "post", "head", "options"]
    managed_actions = ("personal_data",)

    def _needs(self, permission: str) -> None:
        if not self.scope.may(permission):
            raise PermissionDenied("Your role does not allow this.")

    @extend_schema(responses={(200, "application/json"): OpenApiTypes.OBJECT})
    def personal_data(self, request: Request, pk: str) -> StreamingHttpResponse:
        """All that there is about the person, as one JSON document, as far as you may see it."""
        obj = self.get_object()
        self._needs(EXPORTS)
        answer = StreamingHttpResponse(export(obj, self.scope, timezone.now()), content_type="application/json")
        answer.headers["Content-Disposition"] = f'attachment; filename="{file_name(obj)}"'
        return answer

    @extend_schema(request=ConfirmSerializer, responses={200: ErasureSerializer})
    def erase(self, request: Request, pk: str) -> Response:
        """Erases the person: `docs/personal-data.md` says what goes and what stays. It cannot be undone."""
        with writing():
            obj = self.get_object()
            self._needs(ERASES)
            said = ConfirmSerializer(data=request.data)
            said.is_valid(raise_exception=True)
            try:
                record = erase(obj, request.user, timezone.now())  # type: ignore[arg-type]
            except Busy as error:
                raise Conflict(" ".join(error.messages), "busy") from None
        return Response(ErasureSerializer(record).data, status=status.HTTP_200_OK)


class DriverPerson(Person):
    queryset = Driver.objects.all()
    serializer_class = DriverSerializer


class TokenPerson(Person):
    queryset = Token.objects.all()
    serializer_class = TokenSerializer
