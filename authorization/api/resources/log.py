"""`authorizations`: the decisions, as they were answered."""

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.viewsets import ReadOnlyModelViewSet

from authorization.api.resources.base import FlagFilter, IdFilter
from authorization.api.resources.fields import visible_to
from authorization.models import Decision

STATUS = {True: "accepted", False: "rejected"}


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    status = serializers.SerializerMethodField()

    class Meta:
        model = Decision
        fields = [
            "id", "request_id", "decided_at", "status", "accepted", "reason", "caller", "api_key", "token_type",
            "token", "token_pseudonym", "location", "place", "rule", "revision", "source",
        ]  # fmt: skip

    def get_status(self, decision: Decision) -> str:
        return STATUS[decision.accepted]


class DecisionFilter(filters.FilterSet):  # type: ignore[misc]
    request_id = filters.CharFilter()
    status = filters.ChoiceFilter(choices=[(name, name) for name in STATUS.values()], method="with_status")
    accepted = FlagFilter()
    reason = filters.CharFilter()
    token_type = filters.CharFilter()
    token = IdFilter()
    location = IdFilter()
    cpo = IdFilter("location__cpo")
    rule = IdFilter()
    api_key = IdFilter()
    revision = IdFilter()
    decided_from = filters.IsoDateTimeFilter("decided_at", "gte")
    decided_until = filters.IsoDateTimeFilter("decided_at", "lt")

    def with_status(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return queryset.filter(accepted=value == "accepted")


class Authorizations(ReadOnlyModelViewSet[Decision]):
    """Newest first."""

    queryset = Decision.objects.all()
    serializer_class = DecisionSerializer
    filterset_class = DecisionFilter
    search_fields = ["request_id", "place", "caller"]
    lookup_value_regex = "[0-9]{1,19}"

    def get_queryset(self) -> QuerySet[Any]:
        return visible_to(self.request.user, super().get_queryset())
