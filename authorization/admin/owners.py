"""Whose a group or an exception is: a manager's one party is filled in, one of several is chosen, and it stays."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget

from authorization.models import Owned
from authorization.services.ownership import Owner, own_parties
from locations.access import Scope, scope_of_request
from locations.admin_base import ScopedAdmin, display
from locations.models import CPO
from tokens.models import EMSP


def owner_choices(scope: Scope) -> list[tuple[str, str]]:
    """(`cpo-12`, name) of the parties that were granted."""
    owners = own_parties(scope)
    names: dict[str, dict[int, Any]] = {
        "cpo": CPO.objects.in_bulk([owner.cpo for owner in owners if owner.cpo is not None]),
        "emsp": EMSP.objects.in_bulk([owner.emsp for owner in owners if owner.emsp is not None]),
    }
    return [(code(owner), str(names[owner.side][_pk(owner)])) for owner in owners if _pk(owner) in names[owner.side]]


def code(owner: Owner) -> str:
    return f"{owner.side}-{_pk(owner)}"


def _pk(owner: Owner) -> int:
    return int(owner.cpo or owner.emsp or 0)


def party_of(scope: Scope, text: str) -> Owner | None:
    """The party granted that this names (`cpo-12`); the only one where nothing else is possible."""
    owners = own_parties(scope)
    if len(owners) == 1:
        return owners[0]
    return next((owner for owner in owners if code(owner) == text), None)


class OwnedForm(forms.ModelForm):  # type: ignore[type-arg]
    """scope: of the user who fills it in, set by the page. asked: the owner that the page is for, if it says so."""

    scope: Scope
    asked = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "owner" in self.fields:
            field: Any = self.fields["owner"]
            field.choices = [("", _("Select value")), *owner_choices(self.scope)]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        if self.instance._state.adding and not self.scope.everything:
            owner = party_of(self.scope, cleaned.get("owner", self.asked))
            if owner is None:
                raise ValidationError(_("Say which of your parties this belongs to."))
            self.instance.owner_cpo_id, self.instance.owner_emsp_id = owner
        return cleaned


def choosing_owner(form: Any) -> Any:
    """The form with a choice among the user's parties."""
    field = forms.ChoiceField(
        label=_("Belongs to"),
        help_text=_("Which of your parties it is of. It stays."),
        widget=UnfoldAdminSelectWidget(),
    )
    return type(form.__name__, (form,), {"owner": field})


class OwnedAdmin(ScopedAdmin):
    """Pages of what parties make. An Admin's is of nobody, or of a party that the Admin names."""

    managers_write = True
    # What to say of the owner of what is an Admin's.
    nobodys = gettext_lazy("everyone may use it")
    fixed = ("owner_cpo", "owner_emsp")
    form = OwnedForm
    list_select_related = ("owner_cpo", "owner_emsp")
    autocomplete_fields = ("owner_cpo", "owner_emsp")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        scope = scope_of_request(request)
        return super().has_add_permission(request, obj) and (scope.everything or bool(own_parties(scope)))

    @display(description=gettext_lazy("Belongs to"))
    def owner(self, row: Owned) -> str:
        return str(row.owner_cpo or row.owner_emsp or self.nobodys)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = list(super().get_fieldsets(request, obj))
        scope = scope_of_request(request)
        if scope.everything:
            text = _("Without an owner it is the Admin's: everyone may use it.")
            return [*shown, (_("Owner"), {"fields": (("owner_cpo", "owner_emsp"),), "description": text})]
        if obj is not None or self.asks_owner(request):
            return [*shown, (_("Owner"), {"fields": ("owner",)})]
        return shown

    def asks_owner(self, request: HttpRequest) -> bool:
        """Whether a manager chooses whose a new one is."""
        return len(own_parties(scope_of_request(request))) > 1

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        told = ("owner",) if obj is not None and not scope_of_request(request).everything else ()
        return (*super().get_readonly_fields(request, obj), *told)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        scope = scope_of_request(request)
        if obj is None and not scope.everything and self.asks_owner(request):
            kwargs["form"] = choosing_owner(kwargs.get("form", self.form))
        form = super().get_form(request, obj, change=change, **kwargs)
        form.scope = scope
        return form
