"""The log of log-ins: who, when, from where, and whether it succeeded. Nobody edits it."""

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter

from locations.admin_base import OnlyShown, ScopedAdmin, display
from locations.admin_format import instant
from portal.login.models import FAILURES, LogIn

# Nobody sees another's secrets, and what can be done about a lost one, the user's page does.
for model in (StaticDevice, TOTPDevice):
    admin.site.unregister(model)

COLOURS = {"good": "success", "bad": "danger", "other": "info"}


@admin.register(LogIn)
class LogInAdmin(OnlyShown, ScopedAdmin):
    admins_only = True
    empty = gettext_lazy("Who logged in, or tried to, is written down here.")
    list_display = ("moment", "who", "what", "address", "by")
    list_filter = (("outcome", ChoicesDropdownFilter), ("at", RangeDateTimeFilter))
    search_fields = ("name", "by", "agent")
    search_help_text = gettext_lazy("User name, or browser")
    sortable_by = ()
    ordering = ("-at", "-pk")
    list_select_related = False
    fields = ("at", "outcome", "name", "by", "address", "agent")

    @display(description=gettext_lazy("When (UTC)"))
    def moment(self, row: LogIn) -> str:
        return instant(row.at)

    @display(description=gettext_lazy("Who"))
    def who(self, row: LogIn) -> Any:
        return row.name or gettext_lazy("no user of ours")

    @display(description=gettext_lazy("What"), label=COLOURS)
    def what(self, row: LogIn) -> tuple[str, Any]:
        kind = "bad" if row.outcome in FAILURES else "good" if row.outcome == "in" else "other"
        return kind, row.get_outcome_display()
