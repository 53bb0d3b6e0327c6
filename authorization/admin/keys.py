"""API keys: made here, shown once, rotated and revoked here."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import RadioFilter
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from authorization.models import ApiKey
from authorization.services import keys
from locations.access import scope_of_request
from locations.admin_base import ScopedAdmin, display
from locations.admin_format import moment
from locations.admin_pages import Button, ObjectPage
from locations.admin_scope import PartyFilter

MAX_HOURS = int(keys.MAX_OVERLAP.total_seconds()) // 3600
STATES: dict[str, Any] = {
    "in force": gettext_lazy("in force"),
    "expired": gettext_lazy("expired"),
    "revoked": gettext_lazy("revoked"),
    "user disabled": gettext_lazy("user disabled"),
}
COLOURS = {"in force": "success", "expired": "warning", "revoked": "danger", "user disabled": "warning"}
SCOPES: dict[str, Any] = {
    "station": gettext_lazy("charge station"),
    "cpo": gettext_lazy("CPO"),
    "user": gettext_lazy("user"),
}


class StateFilter(RadioFilter):  # type: ignore[misc]
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(STATES.items())

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        asked = self.value()
        return queryset.filter(keys.in_state(asked, timezone.now())) if asked in STATES else queryset


class ScopeFilter(RadioFilter):  # type: ignore[misc]
    title = gettext_lazy("kind")
    parameter_name = "scope"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(SCOPES.items())

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(**{f"{self.value()}__isnull": False}) if self.value() in SCOPES else queryset


class Rotation(forms.Form):
    """How long the old key works on beside the new one."""

    overlap = forms.IntegerField(
        min_value=0,
        max_value=MAX_HOURS,
        initial=24,
        label=gettext_lazy("Hours that the old key works on"),
        help_text=gettext_lazy("At most 2160, which are 90 days. With 0 it is refused at once."),
        widget=UnfoldAdminIntegerFieldWidget(attrs={"min": "0", "max": str(MAX_HOURS)}),
    )


@admin.register(ApiKey)
class ApiKeyAdmin(ScopedAdmin):
    managers_write = True
    object_pages = (ObjectPage("rotate", changes=True), ObjectPage("revoke", changes=True))
    empty = gettext_lazy("Chargers, CSMSs and programs ask with an API key. It is shown once, when it is made.")
    list_display = ("name_or_key", "prefix", "scope", "status", "created_at", "last_used_at", "expires_at")
    list_select_related = ("station", "cpo", "user")
    list_filter = (StateFilter, ScopeFilter, ("cpo", PartyFilter), ("station", PartyFilter))
    search_fields = ("name", "prefix")
    search_help_text = gettext_lazy("Name or prefix")
    autocomplete_fields = ("station", "cpo", "user")
    actions = ("revoke_selected",)
    fieldsets = (
        (None, {"fields": ("name", "expires_at")}),
        (
            gettext_lazy("Key"),
            {"fields": ("prefix", "scope", "status_said", ("created_at", "last_used_at"), "revoked_at", "limited_at")},
        ),
    )
    told = ("prefix", "scope", "status_said", "created_at", "last_used_at", "revoked_at", "limited_at")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None:
            return super().get_fieldsets(request, obj)
        # A user's key is an Admin's to make.
        scopes = keys.SCOPES if scope_of_request(request).everything else ("station", "cpo")
        told = [
            _("A charge station's key asks for that station alone; a CPO's for the places of it and its sub-CPOs."),
            _("A user's key may do what that user may.") if "user" in scopes else "",
        ]
        return (
            (None, {"fields": ("name", "expires_at")}),
            (_("The key is for one of these"), {"fields": scopes, "description": " ".join(told)}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*super().get_readonly_fields(request, obj), *(self.told if obj is not None else ()))

    @display(description=gettext_lazy("Name"), ordering="name")
    def name_or_key(self, key: ApiKey) -> str:
        return key.name or _("(no name)")

    @display(description=gettext_lazy("For"))
    def scope(self, key: ApiKey) -> str:
        name = keys.scope_of_key(key)
        return f"{SCOPES[name]} {getattr(key, name)}"

    @display(description=gettext_lazy("Status"), label=COLOURS)
    def status(self, key: ApiKey) -> tuple[str, Any]:
        state = keys.state(key, timezone.now())
        return state, STATES[state]

    @display(description=gettext_lazy("Status"))
    def status_said(self, key: ApiKey) -> str:
        return str(self.status(key)[1])

    def buttons(self, request: HttpRequest, obj: ApiKey) -> list[Button]:
        usable = self.has_change_permission(request, obj) and keys.in_force(obj, timezone.now())
        if not usable:
            return super().buttons(request, obj)
        rotate = [Button(_("Rotate"), self.address("rotate", obj))] if self.has_add_permission(request) else []
        return [*super().buttons(request, obj), *rotate, Button(_("Revoke"), self.address("revoke", obj), danger=True)]

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        scope = {name: getattr(obj, name) for name in keys.SCOPES}
        key, request.text_of_key = keys.create_key(name=obj.name, expires_at=obj.expires_at, **scope)  # type: ignore[attr-defined]
        obj.__dict__.update(key.__dict__)

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: Any = None) -> HttpResponse:
        """The key itself, on a page that nobody gets to see again: it is in no message, session or address."""
        text: str = request.text_of_key  # type: ignore[attr-defined]
        return self._shown_once(request, obj, text, _("New API key for %(for)s"))

    def _shown_once(self, request: HttpRequest, key: ApiKey, text: str, title: str) -> HttpResponse:
        context = {"key": key, "text": text, "leads_to": self.address("change", key)}
        return self.page_of(request, key, "admin/new_key.html", context, title=title % {"for": self.scope(key)})

    def rotate_page(self, request: HttpRequest, obj: ApiKey) -> HttpResponse:
        if not self.has_add_permission(request):
            raise ValidationError(_("Your role makes no keys."))
        form = Rotation(request.POST or None)
        if not form.is_valid():
            context = {"form": form, "key": obj, "usable": keys.in_force(obj, timezone.now())}
            title = _("Rotate %(key)s") % {"key": obj}
            return self.page_of(request, obj, "admin/rotate_key.html", context, title=title)
        old = ApiKey.objects.select_for_update(of=("self",)).get(pk=obj.pk)
        try:
            key, text = keys.rotate(old, timedelta(hours=form.cleaned_data["overlap"]), timezone.now())
        except keys.KeyIsOver as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(self.address("change", obj))
        return self._shown_once(request, key, text, _("The key that follows for %(for)s"))

    def revoke_page(self, request: HttpRequest, obj: ApiKey) -> HttpResponse:
        if request.POST.get("confirmed") != "yes":
            last = f"{moment(obj.last_used_at)} UTC" if obj.last_used_at else _("never")
            lines = [
                _("Whoever uses this key is refused from the next request on, and it cannot be given back."),
                _("It is for %(for)s; last used: %(last)s.") % {"for": self.scope(obj), "last": last},
            ]
            title = _("Revoke %(key)s?") % {"key": obj}
            return self.confirmation(request, obj, title=title, lines=lines, button=_("Revoke"), danger=True)
        keys.revoke(obj)
        said = _("%(key)s is revoked: refused from now on.") % {"key": obj}
        self.message_user(request, said, messages.SUCCESS)
        return HttpResponseRedirect(self.address("change", obj))

    @admin.action(description=gettext_lazy("Revoke selected API keys"), permissions=["change"])
    def revoke_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        own = [key for key in queryset.filter(revoked_at=None) if self.manages(request, key)]
        if own and request.POST.get("confirmed") != "yes":
            lines = [
                _("Whoever uses them is refused from the next request on, and they cannot be given back:"),
                *(f"{key}: {self.scope(key)}" for key in own[:20]),
                *([_("and %(number)s more") % {"number": len(own) - 20}] if len(own) > 20 else []),
            ]
            title = _("Revoke %(number)s API keys?") % {"number": len(own)}
            return self.list_confirmation(request, title=title, lines=lines, button=_("Revoke"), danger=True)
        for key in own:
            keys.revoke(key)
        said = _("%(number)s revoked: refused from now on.") % {"number": len(own)}
        self.message_user(request, said, messages.SUCCESS if own else messages.WARNING)
        return None
