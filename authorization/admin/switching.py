"""Exceptions are enabled and disabled, one or several, after a question that says what each of them does."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from authorization.access import shown_groups
from authorization.admin import sentences
from authorization.admin.owners import OwnedAdmin
from authorization.models import ChargeException
from locations.access import managed_by, scope_of_request

# How many exceptions a question names.
NAMED = 10


class SwitchingAdmin(OwnedAdmin):
    """Pages of exceptions, with a page and two actions that switch them."""

    actions = ("enable", "disable")

    def switch_page(self, request: HttpRequest, obj: ChargeException) -> HttpResponse:
        """Enables or disables one, after a question; `to`: what was asked about."""
        enable = request.POST.get("to", "on" if not obj.enabled else "off") == "on"
        if request.method == "POST" and request.POST.get("confirmed") == "yes":
            self._switch(request, ChargeException.objects.filter(pk=obj.pk), enable)
            return HttpResponseRedirect(self.address("change", obj))
        return self.confirmation(
            request,
            obj,
            title=_switching(enable, 1),
            lines=self._said_first(request, [obj], 1, enable),
            button=_("Enable") if enable else _("Disable"),
            at="change",
            fields={"to": ["on" if enable else "off"]},
        )

    @admin.action(description=gettext_lazy("Enable selected exceptions"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._switch_several(request, queryset, True)

    @admin.action(description=gettext_lazy("Disable selected exceptions"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._switch_several(request, queryset, False)

    def _switch_several(self, request: HttpRequest, queryset: Any, enable: bool) -> HttpResponse | None:
        own = managed_by(scope_of_request(request), queryset)
        rows = own.filter(enabled=not enable)
        if request.POST.get("confirmed") == "yes":
            self._switch(request, ChargeException.objects.filter(pk__in=rows.order_by().values("pk")), enable)
            return None
        number = rows.count()
        if not number:
            self.message_user(request, _("None of these is yours to change, and not so already."), messages.WARNING)
            return None
        return self.list_confirmation(
            request,
            title=_switching(enable, number),
            lines=[_switching(enable, number), *self._said_first(request, rows[:NAMED], number, enable)],
            button=_("Enable") if enable else _("Disable"),
        )

    def _switch(self, request: HttpRequest, rows: Any, enable: bool) -> None:
        number = rows.filter(enabled=not enable).update(enabled=enable)
        text = (
            ngettext("%(number)d exception enabled.", "%(number)d exceptions enabled.", number)
            if enable
            else ngettext("%(number)d exception disabled.", "%(number)d exceptions disabled.", number)
        )
        self.message_user(request, text % {"number": number}, messages.SUCCESS)

    def _said_first(self, request: HttpRequest, rows: Any, number: int, enable: bool) -> list[str]:
        first = (
            _("Takes effect at once, where it is valid now:")
            if enable
            else _("Ends at once. Where no other rule says otherwise, cards it kept out may charge again:")
        )
        lines = [first, *(f"“{row}”: {self._effect(request, row)}" for row in rows)]
        more = number - NAMED
        if more > 0:
            lines.append(ngettext("And %(number)d more.", "And %(number)d more.", more) % {"number": more})
        return lines

    def _effect(self, request: HttpRequest, row: ChargeException) -> str:
        """Its sentence, as far as the user may see its groups."""
        scope = scope_of_request(request)
        places, cards = (shown_groups(scope, groups.all()) for groups in (row.cpo_groups, row.emsp_groups))
        return sentences.effect(row.action, row.direction, places, cards, row.valid_from, row.valid_until)


def _switching(enable: bool, number: int) -> str:
    text = (
        ngettext("Enable %(number)d exception?", "Enable %(number)d exceptions?", number)
        if enable
        else ngettext("Disable %(number)d exception?", "Disable %(number)d exceptions?", number)
    )
    return text % {"number": number}
