"""The authorization log: what was answered, as it was answered, and what would be today. Nobody edits it."""

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import BooleanRadioFilter, DropdownFilter, RangeDateTimeFilter

from authorization.access import Sight, sight
from authorization.admin import log_listing
from authorization.admin.reading import Links, Reading, Said, message
from authorization.engine.reasons import Reason
from authorization.models import Decision, ExceptionGroup
from authorization.questions import BadQuestion, parse
from authorization.reports import SENTENCES, Report
from authorization.sealed import KEPT_DAYS, unseal
from authorization.services import NoRules, explain
from authorization.services.asking import asked_again, asker_of
from authorization.services.log_search import search_log
from locations import admin_history
from locations.access import managed_by, scope_of_request, visible_to
from locations.admin_base import OnlyShown, ScopedAdmin, display
from locations.admin_format import instant
from locations.admin_scope import PartyFilter, may_name
from locations.models import Location

CHANGES_SHOWN = 10
REASONS = {reason.value: reason for reason in Reason}
may_name(Decision, "location", "token")


class ReasonFilter(DropdownFilter):  # type: ignore[misc]
    title = gettext_lazy("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(each.value, each.value) for each in (*Reason, *Report)]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(reason=self.value()) if self.value() else queryset


@admin.register(Decision)
class DecisionAdmin(OnlyShown, ScopedAdmin):
    counted = (gettext_lazy("decision"), gettext_lazy("decisions"))
    empty = gettext_lazy("Every answer that a charger gets is written down here, with its reason.")
    empty_leads = (gettext_lazy("Why?"), "why")
    list_display = ("decided", "outcome", "reason")
    list_filter = (
        ("accepted", BooleanRadioFilter),
        ReasonFilter,
        ("location", PartyFilter),
        ("token", PartyFilter),
        ("decided_at", RangeDateTimeFilter),
    )
    filter_titles = {"token": gettext_lazy("charge token"), "decided_at": gettext_lazy("time")}
    sortable_by = ()
    list_before_template = "admin/log_live.html"
    search_fields = ("request_id",)
    search_help_text = gettext_lazy("Auth ID or Chip ID, known or not; name or id of a location, EVSE id; caller's id")

    def get_queryset(self, request: HttpRequest) -> Any:
        # A decision outlives what it speaks of; a missing one is left empty by the join.
        return super().get_queryset(request).select_related(*log_listing.READ, "api_key__user")

    def get_list_display(self, request: HttpRequest) -> Any:
        """The columns know whose eyes read them."""

        @display(description=gettext_lazy("Place"))
        def place_shown(decision: Decision) -> str:
            return log_listing.place(request, decision)

        @display(description=gettext_lazy("Charge token"))
        def token_shown(decision: Decision) -> str:
            return log_listing.card(request, decision)

        return (*self.list_display, place_shown, token_shown)

    @display(description=gettext_lazy("When (UTC)"))
    def decided(self, decision: Decision) -> str:
        return log_listing.when(decision)

    @display(description=gettext_lazy("Answer"), label={"success": "success", "danger": "danger"})
    def outcome(self, decision: Decision) -> tuple[str, str]:
        return log_listing.colour(decision), log_listing.outcome(decision)

    def search(self, queryset: Any, term: str, request: HttpRequest) -> tuple[Any, bool]:
        return (search_log(queryset, term, scope_of_request(request)) if term else queryset), False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One decision: what was answered, what today's rules say of that instant, and what changed in between."""
        if request.method == "POST" or not self.has_view_permission(request):
            raise PermissionDenied
        decision = self.get_object(request, unquote(object_id))
        if decision is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
            return missing
        seen = sight(decision, scope_of_request(request))
        again, problem = _asked_again(request, decision)
        context = {
            "title": _("Authorization of %(when)s UTC") % {"when": log_listing.when(decision)},
            "decision": decision,
            "facts": _facts(request, decision, seen),
            "outcome": log_listing.outcome(decision),
            "message": _message(decision.reason),
            "reading": again,
            "problem": problem,
            "same": again is not None and again.verdict.reason.value == decision.reason,
            "changes": _changes_since(request, decision, seen, again),
        }
        return self.page_of(request, decision, "admin/decision.html", context)


def _message(reason: str) -> str:
    """The sentence of a decision's reason, or of what a station reported."""
    if reason in REASONS:
        return message(REASONS[reason])
    return str(SENTENCES[Report(reason)]) if reason in set(Report) else ""


def _facts(request: HttpRequest, decision: Decision, seen: Sight) -> list[tuple[str, Said]]:
    """What the log keeps of a decision, as far as the user may read it."""
    reader = Links(request)
    location = decision.location
    local = ""
    if location is not None:
        local = instant(decision.decided_at.astimezone(UTC).astimezone(ZoneInfo(location.time_zone)))
    facts = [
        (
            _("When"),
            Said(f"{log_listing.when(decision)} UTC" + (_(" (%(local)s there)") % {"local": local} if local else "")),
        ),
        (_("Place"), Said(log_listing.place(request, decision), reader.to(location) if seen.place else "")),
        (_("Named as"), Said(decision.place if seen.place else "")),
        (_("Charge token"), Said(log_listing.card(request, decision), reader.to(decision.token) if seen.token else "")),
        (_("Presented as"), Said(decision.token_type)),
        (
            _("Exception that decided"),
            Said(str(decision.rule), reader.to(decision.rule)) if seen.rule and decision.rule else Said(""),
        ),
        (_("Asked by"), Said(decision.caller if seen.key else "")),
        (_("Caller's id"), Said(decision.request_id if seen.place else "")),
        (_("Revision"), Said(f"{decision.revision} ({decision.source})")),
    ]
    if request.user.has_perm("authorization.read_presented") and decision.presented_sealed:
        kept = unseal(decision.presented_sealed) or _("not kept any more")
        days = _("kept for %(days)s days, of unknown tokens only") % {"days": KEPT_DAYS}
        facts.insert(4, (_("Id presented"), Said(f"{kept} ({days})")))
    return [(name, said) for name, said in facts if said.text]


def _asked_again(request: HttpRequest, decision: Decision) -> tuple[Reading | None, str]:
    """The same question at the same instant, by today's rules; or why it cannot be asked."""
    body = asked_again(decision)
    if body is None:
        return None, _("What was presented then is not kept any more, so it cannot be asked again.")
    try:
        return Reading(request, explain(parse(body), asker_of(decision, request.user), decision.decided_at)), ""
    except BadQuestion as error:
        return None, _("It cannot be asked again: %(why)s") % {"why": error.detail}
    except NoRules:
        return None, _("There is no answer now: the rules cannot be read.")


def _changes_since(request: HttpRequest, decision: Decision, seen: Sight, again: Reading | None) -> list[Any]:
    """What has changed since, of what the answer rested on. The newest first."""
    of_model: dict[type[Any], list[Any]] = {}
    for obj in _rested_on(request, decision, seen, again):
        of_model.setdefault(type(obj), []).append(obj)
    rows = [
        row
        for model, objects in of_model.items()
        for row in admin_history.recorded(objects, _page(model).history_parts, decision.decided_at)
    ]
    told = admin_history.tell(rows, scope_of_request(request), CHANGES_SHOWN)
    return [(entry, f"{entry.about._meta.verbose_name} {entry.about}") for entry in told]


def _rested_on(request: HttpRequest, decision: Decision, seen: Sight, again: Reading | None) -> list[Any]:
    """The place, the token and its owners, the exceptions and their groups: those that the user may see."""
    scope = scope_of_request(request)
    # Whose place it was then may be another's today, whose changes are not theirs to read.
    about: list[Any] = []
    if decision.location is not None:
        about += managed_by(scope, Location.objects.filter(pk=decision.location.pk))
    if seen.token and decision.token is not None:
        token = again.token if again is not None and again.token == decision.token else decision.token
        about += [token, token.driver, token.customer, token.emsp]
    exceptions: list[Any] = list((again.exceptions if again is not None else {}).values())
    if seen.rule and decision.rule not in exceptions:
        exceptions.append(decision.rule)
    exceptions = exceptions[:10]
    groups = ExceptionGroup.objects.filter(
        Q(used_on_cpo_side__exception__in=exceptions) | Q(used_on_emsp_side__exception__in=exceptions)
    ).distinct()
    about += [*exceptions, *visible_to(scope, groups)[:10]]
    return [obj for obj in about if obj is not None]


def _page(model: type[Any]) -> Any:
    return admin.site._registry[model]
