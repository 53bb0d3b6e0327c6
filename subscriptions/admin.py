"""Subscriptions of partner platforms: an Admin's pages. The token is shown once, when it is made."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from authorization.admin.keys import Rotation
from locations.admin_base import display
from locations.admin_format import moment
from locations.admin_pages import Button, ObjectPage
from subscriptions import services
from subscriptions.admin_push import NAMES, PushPages
from subscriptions.models import Subscription
from subscriptions.push import endpoints

# What Django makes of the model's fields, for translation.
WORDS = [
    gettext_noop("Role"), gettext_noop("All CPOs"), gettext_noop("CPOs"), gettext_noop("eMSPs"),
    gettext_noop("Modules"), gettext_noop("Every CPO, also those that are yet to come."),
    gettext_noop("Each with its sub-CPOs."),
    gettext_noop("Off: paused. The partner is refused until it is on again."),
]  # fmt: skip


class TokenRotation(Rotation):
    """How long the old token works on beside the new one."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["overlap"].label = _("Hours that the old token works on")


@admin.register(Subscription)
class SubscriptionAdmin(PushPages):
    admins_only = True
    object_pages = (*PushPages.object_pages, ObjectPage("rotate", changes=True))
    empty = gettext_lazy(
        "Each partner platform has a subscription: what it may see, and the token with which it pulls."
    )
    list_display = ("name", "party", "role", "offered", "status", "last_used")
    list_filter = (("role", ChoicesDropdownFilter), ("enabled", BooleanRadioFilter))
    search_fields = ("name", "country_code", "party_id")
    search_help_text = gettext_lazy("Name or party")
    autocomplete_fields = ("cpos", "emsps")
    fieldsets = (
        (gettext_lazy("Partner"), {"fields": ("name", ("country_code", "party_id"), "role", "enabled")}),
        (gettext_lazy("What the partner sees"), {"fields": ("modules", "all_cpos", "cpos", "emsps")}),
        (gettext_lazy("Tokens"), {"fields": ("in_force", "sends_base64", "created_at")}),
    )
    told = ("in_force", "sends_base64", "created_at")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("tokens")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets if obj is not None else self.fieldsets[:2]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        partner = ("country_code", "party_id", "role", *self.told) if obj is not None else ()
        return (*super().get_readonly_fields(request, obj), *partner)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "modules":
            return forms.MultipleChoiceField(
                choices=list(NAMES.items()),
                required=False,
                label=_("Modules"),
                widget=UnfoldAdminCheckboxSelectMultipleWidget,
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @display(description=gettext_lazy("Party"), ordering="country_code")
    def party(self, subscription: Subscription) -> str:
        return subscription.code

    @display(description=gettext_lazy("Modules"))
    def offered(self, subscription: Subscription) -> str:
        return ", ".join(str(name) for module, name in NAMES.items() if module in subscription.modules) or "–"

    @display(description=gettext_lazy("Status"), label={"on": "success", "paused": "warning"})
    def status(self, subscription: Subscription) -> tuple[str, str]:
        return ("on", _("in force")) if subscription.enabled else ("paused", _("paused"))

    @display(description=gettext_lazy("Last used"))
    def last_used(self, subscription: Subscription) -> Any:
        return max((token.last_used_at for token in subscription.tokens.all() if token.last_used_at), default=None)

    @display(description=gettext_lazy("Tokens in force"))
    def in_force(self, subscription: Subscription) -> str:
        now, lines = timezone.now(), []
        for token in subscription.tokens.all():
            if token.expires_at is None:
                lines.append(f"{token.prefix}…")
            elif token.expires_at > now:
                until = _("until %(at)s UTC") % {"at": moment(token.expires_at)}
                lines.append(f"{token.prefix}… ({until})")
        return ", ".join(lines) or _("none")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Said in words: Django would list tables that nobody knows."""
        _lines, _counts, *rest = super().get_deleted_objects(objs, request)
        said = _("%(partner)s: refused from then on. Its tokens and endpoints go, and what waits for it is not sent.")
        lines = [said % {"partner": subscription} for subscription in objs]
        return (lines, {str(self.opts.verbose_name_plural): len(lines)}, *rest)

    def buttons(self, request: HttpRequest, obj: Subscription) -> list[Button]:
        rotate = [Button(_("New token"), self.address("rotate", obj))] if self.has_change_permission(request) else []
        return [*rotate, *super().buttons(request, obj)]

    def save_model(self, request: HttpRequest, obj: Subscription, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and obj.enabled and "enabled" in form.changed_data:
            endpoints.resume(obj)
        if not change:
            request.text_of_token = services.issue(obj)  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: Subscription, post_url_continue: Any = None) -> HttpResponse:
        """The token itself, on a page that nobody gets to see again: it is in no message, session or address."""
        return self._shown_once(request, obj, request.text_of_token)  # type: ignore[attr-defined]

    def _shown_once(self, request: HttpRequest, obj: Subscription, text: str) -> HttpResponse:
        context = {"key": obj, "called": _("The token"), "text": text, "leads_to": self.address("change", obj)}
        title = _("New token for %(for)s") % {"for": obj}
        return self.page_of(request, obj, "admin/new_key.html", context, title=title)

    def rotate_page(self, request: HttpRequest, obj: Subscription) -> HttpResponse:
        form = TokenRotation(request.POST or None)
        if not form.is_valid():
            title = _("New token for %(for)s") % {"for": obj}
            return self.page_of(request, obj, "admin/rotate_token.html", {"form": form}, title=title)
        locked = Subscription.objects.select_for_update(no_key=True).get(pk=obj.pk)
        text = services.rotate(locked, timedelta(hours=form.cleaned_data["overlap"]), timezone.now())
        return self._shown_once(request, obj, text)
