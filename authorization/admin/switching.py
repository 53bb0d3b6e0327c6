"""Exceptions are enabled, disabled and saved with another effect after a question that says what each of them does."""

from dataclasses import replace
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from authorization.access import shown_groups
from authorization.admin import effects, sentences
from authorization.admin.effects import Chosen
from authorization.admin.exception_form import SIDES
from authorization.admin.owners import OwnedAdmin
from authorization.models import ChargeException
from locations.access import managed_by, scope_of_request

# How many exceptions a question names.
NAMED = 10


class AskFirst(Exception):
    """The form is right, and would have another effect than the exception has: nothing is saved yet."""

    def __init__(self, row: ChargeException, before: Chosen, after: Chosen) -> None:
        self.row, self.before, self.after = row, before, after


class SwitchingAdmin(OwnedAdmin):
    """Pages of exceptions, with a page and two actions that switch them, and a form that asks before it does."""

    actions = ("enable", "disable")

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except AskFirst as asked:
            return self._ask_first(request, asked)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        """What alters the effect of an exception is saved once confirmed; a new one's is beside its form."""
        if change and "confirmed" not in request.POST:
            row = ChargeException.objects.prefetch_related("cpo_groups", "emsp_groups").get(pk=form.instance.pk)
            before = effects.chosen_by(row)
            given = {name: value for name, value in form.cleaned_data.items() if hasattr(before, name)}
            # Groups that its user does not see stay in.
            given |= {name: [*given[name], *form.unseen[name]] for name in SIDES if name in given}
            after = replace(before, **given)
            if (before.enabled or after.enabled) and _compared(before) != _compared(after):
                raise AskFirst(row, before, after)
        return super().save_form(request, form, change)

    def _ask_first(self, request: HttpRequest, asked: AskFirst) -> HttpResponse:
        row, before, after = asked.row, asked.before, asked.after
        if before.enabled != after.enabled and _compared(replace(before, enabled=after.enabled)) == _compared(after):
            title, lines = _switching(after.enabled, 1), self._said_first(request, [row], 1, after.enabled)
        else:
            title = _("Save “%(name)s” with another effect?") % {"name": row}
            lines = [
                _("Until now: %(effect)s") % {"effect": self._sentence(request, before)},
                _("From now on: %(effect)s") % {"effect": self._sentence(request, after)},
                _("Takes effect at once: cards that it kept out may charge then, where no other rule says otherwise."),
            ]
        kept = [name for name in request.POST if name not in ("csrfmiddlewaretoken", "confirmed")]
        return self.confirmation(
            request,
            row,
            title=title,
            lines=lines,
            button=_("Save"),
            at="change",
            fields={name: request.POST.getlist(name) for name in kept},
            returns="_effect",
        )

    def _sentence(self, request: HttpRequest, what: Chosen) -> str:
        if not what.enabled:
            return _("nothing, it is disabled.")
        scope = scope_of_request(request)
        places, cards = (shown_groups(scope, groups) for groups in (what.places, what.cards))
        return sentences.effect(what.action, what.direction, places, cards, what.valid_from, what.valid_until)

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
        return self._sentence(request, replace(effects.chosen_by(row), enabled=True))


def _compared(what: Chosen) -> Any:
    """Two of these are the same where this is: the order of groups says nothing, and none stands on both sides."""
    return replace(what, places=[], cards=[]), {group.pk for group in (*what.places, *what.cards)}


def _switching(enable: bool, number: int) -> str:
    text = (
        ngettext("Enable %(number)d exception?", "Enable %(number)d exceptions?", number)
        if enable
        else ngettext("Disable %(number)d exception?", "Disable %(number)d exceptions?", number)
    )
    return text % {"number": number}
