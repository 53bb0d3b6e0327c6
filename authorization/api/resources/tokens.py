"""`emsps`, `customers`, `drivers`, `tokens`."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, PolymorphicProxySerializer, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request
from rest_framework.response import Response

from authorization.api.filters import FlagFilter, IdFilter, NormalFilter
from authorization.api.pagination import MAX_ID
from authorization.api.resources.base import Checked, Resource
from authorization.api.resources.fields import PkField
from authorization.api.resources.refusals import details, writing
from authorization.services.names import TAKEN, may_carry, others_auth_ids
from locations.access import managed_by, scope_of_request, visible_to
from locations.ids import BadId
from locations.models import CPO
from tokens import ids, services
from tokens.access import emsps
from tokens.models import EMSP, Customer, DirectoryGrant, Driver, Token, TokenType
from tokens.search import begins

MAX_BULK = 10_000
IS_TAKEN = {"auth_id": [ErrorDetail(TAKEN, "unique")]}


class EMSPSerializer(Checked):
    names = ("id", "country_code", "party_id", "name")

    class Meta:
        model = EMSP
        fields = ["id", "country_code", "party_id", "name", "blocked"]

    def is_own(self, instance: EMSP) -> bool:
        return instance.pk in emsps(self.scope)


class EMSPFilter(filters.FilterSet):  # type: ignore[misc]
    country_code = NormalFilter(str.upper)
    party_id = NormalFilter(str.upper)
    blocked = FlagFilter()


class EMSPs(Resource):
    queryset = EMSP.objects.all()
    serializer_class = EMSPSerializer
    filterset_class = EMSPFilter
    search_fields = ["name", "country_code", "party_id"]
    names = ("name", "country_code", "party_id")


class DirectoryGrantSerializer(Checked):
    """An eMSP lets the managers of a CPO search its customers, drivers and tokens."""

    cpo = PkField(queryset=CPO.objects.all(), rule=visible_to)

    class Meta:
        model = DirectoryGrant
        fields = ["id", "emsp", "cpo", "enabled"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for field in ("emsp", "cpo"):
            if self.instance is not None and field in attrs and attrs[field] != getattr(self.instance, field):
                raise serializers.ValidationError({field: "Of whom to whom is said once: switch this one off."})
        return attrs


class DirectoryGrantFilter(filters.FilterSet):  # type: ignore[misc]
    emsp = IdFilter()
    cpo = IdFilter()
    enabled = FlagFilter()


class DirectoryGrants(Resource):
    queryset = DirectoryGrant.objects.all()
    serializer_class = DirectoryGrantSerializer
    filterset_class = DirectoryGrantFilter


class CustomerSerializer(Checked):
    class Meta:
        model = Customer
        fields = ["id", "emsp", "name", "external_id", "blocked"]


class CustomerFilter(filters.FilterSet):  # type: ignore[misc]
    emsp = IdFilter()
    external_id = filters.CharFilter()
    blocked = FlagFilter()


class Customers(Resource):
    queryset = Customer.objects.all()
    serializer_class = CustomerSerializer
    filterset_class = CustomerFilter
    search_fields = ["name", "external_id"]


class DriverSerializer(Checked):
    class Meta:
        model = Driver
        fields = ["id", "customer", "name", "external_id", "blocked"]


class DriverFilter(filters.FilterSet):  # type: ignore[misc]
    emsp = IdFilter("customer__emsp")
    customer = IdFilter()
    external_id = filters.CharFilter()
    blocked = FlagFilter()


class Drivers(Resource):
    queryset = Driver.objects.all()
    serializer_class = DriverSerializer
    filterset_class = DriverFilter
    search_fields = ["name", "external_id"]


class TokenListSerializer(serializers.ListSerializer[Any]):
    """Many new tokens at once: all of them, or none and what is wrong with each."""

    def to_internal_value(self, data: Any) -> list[Any]:
        if isinstance(data, list):
            relations: tuple[tuple[str, Any], ...] = (("emsp", EMSP), ("customer", Customer), ("driver", Driver))
            context: dict[str, Any] = self.context  # type: ignore[assignment]
            scope = scope_of_request(context["request"])
            context["known"] = {
                model: _known(managed_by(scope, model.objects.all()), data, field) for field, model in relations
            }
        items: list[Any] = super().to_internal_value(data)
        return items

    def create(self, validated_data: list[dict[str, Any]]) -> list[Token]:
        tokens = [Token(**values) for values in validated_data]
        errors: dict[Any, Any] = {n: own for n, token in enumerate(tokens) if (own := _own_errors(token))}
        if errors or (errors := _taken(tokens)):
            raise serializers.ValidationError(errors)
        scope = scope_of_request(self.context["request"])
        if taken := others_auth_ids(tokens, scope):
            raise serializers.ValidationError(
                {str(n): IS_TAKEN for n, token in enumerate(tokens) if token.auth_id in taken}
            )
        services.create_tokens(tokens)
        return tokens


def _known(rows: QuerySet[Any], data: list[Any], field: str) -> dict[int, Model]:
    """The related objects that a bulk names, in one query."""
    named = {str(item.get(field)) for item in data if isinstance(item, dict)}
    pks = {int(pk) for pk in named if pk.isascii() and pk.isdigit() and len(pk) < 20}
    return rows.in_bulk([pk for pk in pks if pk <= MAX_ID])


def _own_errors(token: Token) -> dict[str, Any]:
    try:
        token.clean()
    except ValidationError as error:
        return details(error)
    return {}


def _taken(tokens: list[Token]) -> dict[Any, Any]:
    """Errors, by index, of tokens whose uid is taken, in the portal or earlier in the same list."""
    normal = [(token.type, ids.uid(token.type, token.uid) if token.uid else "") for token in tokens]
    uids = {uid for _, uid in normal if uid}
    taken = set(Token.objects.filter(uid_normal__in=uids).values_list("type", "uid_normal"))
    errors = {}
    for index, key in enumerate(normal):
        if key in taken:
            errors[index] = {"uid": [ErrorDetail("This uid is taken.", "unique")]}
        if key[1]:
            taken.add(key)
    return errors


class TokenSerializer(Checked):
    warnings = serializers.SerializerMethodField()
    # Auth ID and eMSP of the token as it was.
    before: tuple[str | None, int | None] = (None, None)

    class Meta:
        model = Token
        list_serializer_class = TokenListSerializer
        fields = [
            "id", "emsp", "customer", "driver", "type", "uid", "auth_id", "visual_number", "issuer", "valid",
            "whitelist", "expires_at", "language", "external", "warnings",
        ]  # fmt: skip
        read_only_fields = ["external"]

    def get_warnings(self, token: Token) -> list[str]:
        warning = ids.auth_id_warning(token.auth_id) if token.auth_id else None
        return [warning] if warning else []

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return services.whole_change(self.instance if isinstance(self.instance, Token) else Token(), attrs)

    def update(self, instance: Token, validated_data: dict[str, Any]) -> Any:
        self.before = instance.auth_id, instance.emsp_id
        return super().update(instance, validated_data)

    def prepare(self, instance: Token) -> None:
        if _own_errors(instance):
            return  # the check says which
        if not may_carry(instance, self.scope, self.before):
            raise serializers.ValidationError(IS_TAKEN)
        if instance._state.adding:
            services.take_over_external([instance])


class TokenFilter(filters.FilterSet):  # type: ignore[misc]
    emsp = IdFilter()
    customer = IdFilter()
    driver = IdFilter()
    type = filters.ChoiceFilter(choices=TokenType.choices)
    uid = filters.CharFilter(method="with_uid")
    auth_id = NormalFilter(ids.auth_id, "auth_id_normal")
    visual_number = filters.CharFilter()
    issuer = filters.CharFilter()
    valid = FlagFilter()
    external = FlagFilter()
    expires_from = filters.IsoDateTimeFilter("expires_at", "gte")
    expires_until = filters.IsoDateTimeFilter("expires_at", "lt")

    def with_uid(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """A uid has a normal form for each type."""
        found = Q(pk__in=[])
        for types in (sorted(ids.HEX_TYPES), [TokenType.EMAID], sorted({*TokenType} - ids.HEX_TYPES - {"EMAID"})):
            try:
                found |= Q(type__in=types, uid_normal=ids.uid(types[0], value))
            except BadId:
                continue
        return queryset.filter(found)


ONE_OR_MANY = PolymorphicProxySerializer(
    "TokenOrTokens", [TokenSerializer, TokenSerializer(many=True)], resource_type_field_name=None, many=False
)
ONE_CARD = OpenApiExample(
    "A card", {"emsp": 1, "uid": "04:A2:B3:C4:D5:E6:80", "auth_id": "NL-TNM-C00122045-K"}, request_only=True
)


class Tokens(Resource):
    """POST takes one token, or a list of up to 10,000 that are created all or none."""

    queryset = Token.objects.all()
    serializer_class = TokenSerializer
    filterset_class = TokenFilter
    search_fields = ["uid", "auth_id", "visual_number"]

    def search(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """By an id or its beginning, in normal form, or by the whole number on the card: each has an index."""
        return queryset.filter(Q(visual_number=term) | begins(term))

    @extend_schema(request=ONE_OR_MANY, responses={201: ONE_OR_MANY}, examples=[ONE_CARD])
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if not isinstance(request.data, list):
            return super().create(request, *args, **kwargs)
        with writing():
            serializer = self.get_serializer(data=request.data, many=True, allow_empty=False, max_length=MAX_BULK)
            serializer.is_valid(raise_exception=True)
            serializer.save()
        return Response(serializer.data, status=status.HTTP_201_CREATED)
