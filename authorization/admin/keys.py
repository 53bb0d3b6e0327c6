"""API keys: made here, shown once, revoked here."""

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html

from authorization.models import ApiKey
from authorization.services.keys import KeyIsOver, create_key, revoke, rotate
from locations.admin_base import ScopedAdmin, display

OVERLAP = timedelta(hours=24)


@admin.register(ApiKey)
class ApiKeyAdmin(ScopedAdmin):
    list_display = ("name_or_key", "prefix", "scope", "status", "created_at", "last_used_at")
    list_select_related = ("station", "cpo", "user")
    search_fields = ("name", "prefix")
    search_help_text = "Name or prefix"
    autocomplete_fields = ("station", "cpo", "user")
    actions = ("rotate_selected", "revoke_selected")
    add_fieldsets = (
        (None, {"fields": ("name", "expires_at")}),
        (
            "The key is for one of these",
            {
                "fields": ("station", "cpo", "user"),
                "description": "A station's key asks for that station alone, a CPO's for its and its sub-CPOs' places, "
                "a user's for whatever that user may see.",
            },
        ),
    )
    fieldsets = (
        (None, {"fields": ("name", "expires_at")}),
        ("Key", {"fields": ("prefix", "scope", ("created_at", "last_used_at"), "revoked_at")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        told = ("prefix", "scope", "created_at", "last_used_at", "revoked_at") if obj is not None else ()
        return (*super().get_readonly_fields(request, obj), *told)

    @display(description="Name", ordering="name")
    def name_or_key(self, key: ApiKey) -> str:
        return key.name or "(no name)"

    @display(description="For")
    def scope(self, key: ApiKey) -> str:
        if key.station is not None:
            return f"charge station {key.station}"
        return f"CPO {key.cpo}" if key.cpo is not None else f"user {key.user}"

    @display(description="Status", label={"in force": "success", "expired": "warning", "revoked": "danger"})
    def status(self, key: ApiKey) -> str:
        if key.revoked_at is not None:
            return "revoked"
        return "expired" if key.expires_at is not None and key.expires_at <= timezone.now() else "in force"

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        key, text = create_key(
            name=obj.name, station=obj.station, cpo=obj.cpo, user=obj.user, expires_at=obj.expires_at
        )
        obj.__dict__.update(key.__dict__)
        self._show_once(request, "The key", text)

    def _show_once(self, request: HttpRequest, what: str, text: str) -> None:
        shown = format_html(
            "{} is <code style='user-select: all'>{}</code>. Copy it now: it is shown this once, "
            "and only its hash is kept.",
            what,
            text,
        )
        self.message_user(request, shown, messages.WARNING)

    @admin.action(description="Rotate selected API keys (the old ones end in 24 hours)", permissions=["add"])
    def rotate_selected(self, request: HttpRequest, queryset: Any) -> None:
        for key in queryset.select_for_update(of=("self",)):
            try:
                _, text = rotate(key, OVERLAP, timezone.now())
            except KeyIsOver as error:
                self.message_user(request, f"{key}: {error}", messages.ERROR)
            else:
                self._show_once(request, f"The new key for {self.scope(key)}", text)

    @admin.action(description="Revoke selected API keys", permissions=["change"])
    def revoke_selected(self, request: HttpRequest, queryset: Any) -> None:
        keys = list(queryset.filter(revoked_at=None))
        for key in keys:
            revoke(key)
        self.message_user(request, f"{len(keys)} revoked: refused from now on.")
