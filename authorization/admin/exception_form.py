"""The form of an exception: it offers the groups that can be saved, and keeps what its user may not see."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminRadioSelectWidget

from authorization.admin import owners
from authorization.admin.owners import OwnedForm
from authorization.models import ChargeException, ExceptionGroup
from authorization.services.ownership import DIRECTIONS, Owner, groups_for, owner_of, restrict_own_side_only
from locations.access import scope_of_request, visible_to
from locations.admin_scope import may_name
from locations.admin_widgets import SearchSeveral

ACTIONS = [
    ("whitelist", gettext_lazy("Whitelist – these, and nobody else")),
    ("blacklist", gettext_lazy("Blacklist – not these")),
]
RESTRICTS = [
    ("emsp_for_cpo", gettext_lazy("who may charge at the places (eMSP for CPO)")),
    ("cpo_for_emsp", gettext_lazy("where the cards may charge (CPO for eMSP)")),
]
# The form's fields of groups, and the side of each.
SIDES = {"places": "cpo", "cards": "emsp"}


def _for_owner(side: str) -> Callable[[HttpRequest, Any], Any]:
    """Of the groups that a search found, those that can be saved: the search says for whose exception it is."""

    def among(request: HttpRequest, rows: Any) -> Any:
        scope = scope_of_request(request)
        owner = owners.party_of(scope, request.GET.get("owner", ""))
        if scope.everything or owner is None:
            return rows
        return rows.filter(pk__in=groups_for(owner, side, scope).order_by().values("pk"))

    return among


for _field, _side in (("cpo_groups", "cpo"), ("emsp_groups", "emsp")):
    may_name(ChargeException, _field, among=_for_owner(_side))


class ExceptionForm(OwnedForm):
    """The groups of both sides as two fields: Django's admin leaves out relations with a table of their own."""

    places: Any = forms.ModelMultipleChoiceField(ExceptionGroup.objects.none())
    cards: Any = forms.ModelMultipleChoiceField(ExceptionGroup.objects.none())
    labels = {
        "places": gettext_lazy("Places (CPO-side groups)"),
        "cards": gettext_lazy("Cards (eMSP-side groups)"),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        adding = self.instance._state.adding
        self.owner = (party_asked(self) or Owner()) if adding else owner_of(self.instance)
        # What an Admin put in and this user does not see stays in.
        self.unseen: dict[str, list[ExceptionGroup]] = {}
        for name, side in SIDES.items():
            self.unseen[name] = []
            if name in self.fields:
                self._offer(name, side, [] if adding else list(getattr(self.instance, f"{side}_groups").all()))
        if "action" in self.fields:
            self.fields["action"] = forms.ChoiceField(
                choices=ACTIONS, label=_("Action"), widget=UnfoldAdminRadioSelectWidget()
            )
        if "direction" in self.fields:
            self.fields["direction"] = forms.ChoiceField(
                choices=RESTRICTS, label=_("It restricts"), widget=UnfoldAdminRadioSelectWidget()
            )

    def _offer(self, name: str, side: str, there: list[ExceptionGroup]) -> None:
        field: Any = self.fields[name]
        seen = set(visible_to(self.scope, ExceptionGroup.objects.filter(pk__in=[g.pk for g in there])))
        self.unseen[name] = [group for group in there if group not in seen]
        if there:
            self.initial.setdefault(name, [group for group in there if group in seen])
        offered = Q(pk__in=groups_for(self.owner, side, self.scope).order_by().values("pk"))
        field.queryset = ExceptionGroup.objects.filter(offered | Q(pk__in=[group.pk for group in seen]))
        field.label = self.labels[name]
        relation: Any = ChargeException._meta.get_field(f"{side}_groups")
        field.widget = SearchSeveral(relation, admin.site)
        field.widget.asking = urlencode({"owner": owners.code(self.owner)}) if self.owner.side else ""
        field.widget.choices = field.choices

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        begin, end = cleaned.get("valid_from"), cleaned.get("valid_until")
        if begin and end and begin >= end:
            self.add_error("valid_until", _("This is not after “valid from”."))
        if not self.scope.everything and self.owner.side:
            self._restrict(cleaned)
        return cleaned

    def _restrict(self, cleaned: dict[str, Any]) -> None:
        """What the API keeps too: nobody restricts another party's side."""
        if self.instance._state.adding:
            self.instance.direction = DIRECTIONS[self.owner.side]
        elif not {"action", "places", "cards"} & set(self.changed_data):
            return
        name = "places" if self.owner.side == "cpo" else "cards"
        try:
            groups = [*cleaned.get(name, ()), *self.unseen[name]]
            restrict_own_side_only(self.owner, self.instance.direction, groups)
        except ValidationError as error:
            for field, texts in error.message_dict.items():
                self.add_error(name if field.endswith("_groups") else None, texts)

    def _save_m2m(self) -> None:
        super()._save_m2m()  # type: ignore[misc]
        for name, side in SIDES.items():
            if name in self.fields:
                getattr(self.instance, f"{side}_groups").set([*self.cleaned_data[name], *self.unseen[name]])


def party_asked(form: OwnedForm) -> Owner | None:
    return None if form.scope.everything else owners.party_of(form.scope, form.asked)
