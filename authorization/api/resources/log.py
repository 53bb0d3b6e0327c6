"""`authorizations`: the decisions, as they were answered."""

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.viewsets import ReadOnlyModelViewSet

from authorization.access import sight
from authorization.api.filters import FlagFilter, IdFilter
from authorization.models import Decision
from authorization.services.log_search import search_log
from locations.access import scope_of_request, visible_to

STATUS = {True: "accepted", False: "rejected"}
# What the place's side alone knows: how the caller named the question and the place.
OF_THE_PLACE = {"place": "", "request_id": ""}


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    """A CPO's manager reads of another's token that it was asked about; an eMSP's manager of the place its name."""

    status = serializers.SerializerMethodField()

    class Meta:
        model = Decision
        fields = [
            "id", "request_id", "decided_at", "status", "accepted", "reason", "caller", "api_key", "token_type",
            "token", "token_pseudonym", "location", "place", "rule", "revision", "source",
        ]  # fmt: skip

    def get_status(self, decision: Decision) -> str:
        return STATUS[decision.accepted]

    def to_representation(self, instance: Decision) -> dict[str, Any]:
        shown = super().to_representation(instance)
        scope = scope_of_request(self.context["request"])
        if scope.everything:
            return shown
        seen = sight(instance, scope)
        if not seen.token:
            shown["token"] = None
        if not seen.place:
            shown |= OF_THE_PLACE
        if not seen.key:
            shown |= {"caller": "", "api_key": None}
        if not seen.rule:
            shown["rule"] = None
        return shown


class DecisionFilter(filters.FilterSet):  # type: ignore[misc]
    request_id = filters.CharFilter()
    status = filters.ChoiceFilter(choices=[(name, name) for name in STATUS.values()], method="with_status")
    accepted = FlagFilter()
    reason = filters.CharFilter()
    token_type = filters.CharFilter()
    token = IdFilter()
    location = IdFilter()
    cpo = IdFilter()
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
    lookup_value_regex = "[0-9]{1,19}"
    needs_management = False

    def search(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """By an id that was presented, a token, a place, or the caller's own id of the question: each has an index."""
        found: QuerySet[Any] = search_log(queryset, term, scope_of_request(self.request))
        return found

    def get_queryset(self) -> QuerySet[Any]:
        scope = scope_of_request(self.request)
        rows: QuerySet[Any] = visible_to(scope, super().get_queryset())
        # What a row shows depends on whose its token, its rule and its key are.
        return rows if scope.everything else rows.select_related("token", "rule", "api_key__station__location")

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        scope = scope_of_request(self.request)
        asked = {name for name, value in self.request.query_params.items() if value}
        if not scope.everything and asked & {"request_id", "api_key"}:
            # These look into what only the place's side may read.
            queryset = queryset.filter(cpo__in=scope.cpos)
        return super().filter_queryset(queryset)
