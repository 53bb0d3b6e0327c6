"""Blocking and unblocking: a button on each page, many rows of a list at once, and what it does said before."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from locations.access import managed_by, scope_of_request
from locations.admin_base import ScopedAdmin, display
from locations.admin_pages import Button, ObjectPage
from tokens.models import EMSP, Customer, Driver, Token
from tokens.services import is_blocked, set_blocked

COUNTED = 10_000
AT_ONCE = 10_000
STATES: dict[str, Any] = {
    "blocked": gettext_lazy("blocked"),
    "not blocked": gettext_lazy("not blocked"),
    "valid": gettext_lazy("valid"),
    "external": gettext_lazy("external"),
}
COLOURS = {"blocked": "danger", "not blocked": "success", "valid": "success", "external": "info"}


def state_of(row: Any) -> str:
    """One of STATES: whether the row itself is refused."""
    if is_blocked(row):
        return "blocked"
    return "not blocked" if not isinstance(row, Token) else "external" if row.external else "valid"


def counted(number: int, words: Callable[[int], str]) -> str:
    """A number of things, counted to COUNTED and no further. words: those for so many, with %(number)s."""
    if number > COUNTED:
        return _("more than %(these)s") % {"these": words(COUNTED) % {"number": f"{COUNTED:,}"}}
    return words(number) % {"number": f"{number:,}"}


def how_many(rows: Any) -> int:
    """At most COUNTED + 1."""
    number: int = rows.order_by().values("pk")[: COUNTED + 1].count()
    return number


def tokens_counted(rows: Any) -> str:
    return counted(how_many(rows), lambda n: ngettext("%(number)s charge token", "%(number)s charge tokens", n))


class BlockingAdmin(ScopedAdmin):
    """Pages of eMSPs, customers, drivers or charge tokens."""

    object_pages: tuple[ObjectPage, ...] = (ObjectPage("block", changes=True), ObjectPage("unblock", changes=True))
    actions: tuple[Any, ...] = ("block_selected", "unblock_selected")
    # The token's column that leads to such an object; empty for tokens themselves.
    owner = ""

    @display(description=gettext_lazy("Status"), label=COLOURS)
    def status(self, obj: Any) -> tuple[str, Any]:
        return state_of(obj), STATES[state_of(obj)]

    def tokens_of(self, rows: Any) -> Any:
        """The charge tokens of these objects."""
        return Token.objects.filter(**{f"{self.owner}__in": rows}) if self.owner else rows

    def buttons(self, request: HttpRequest, obj: Any) -> list[Button]:
        if not self.has_change_permission(request, obj):
            return super().buttons(request, obj)
        button = (
            Button(_("Unblock"), self.address("unblock", obj))
            if is_blocked(obj)
            else Button(_("Block"), self.address("block", obj), danger=True)
        )
        return [*super().buttons(request, obj), button]

    def block_page(self, request: HttpRequest, obj: Any) -> HttpResponse:
        title = _("Block %(object)s?") % {"object": obj}
        return self._asked(request, obj, True, title, self._effect_of_block(obj), _("Block"))

    def unblock_page(self, request: HttpRequest, obj: Any) -> HttpResponse:
        title = _("Unblock %(object)s?") % {"object": obj}
        return self._asked(request, obj, False, title, self._effect_of_unblock(obj), _("Unblock"))

    def _asked(
        self, request: HttpRequest, obj: Any, blocked: bool, title: str, lines: list[str], button: str
    ) -> HttpResponse:
        if request.method != "POST" or request.POST.get("confirmed") != "yes":
            return self.confirmation(request, obj, title=title, lines=lines, button=button, danger=blocked)
        set_blocked(type(obj)._default_manager.filter(pk=obj.pk), blocked)
        said = _("%(object)s is blocked now.") if blocked else _("%(object)s is not blocked any more.")
        self.message_user(request, said % {"object": obj}, messages.SUCCESS)
        return HttpResponseRedirect(self.address("change", obj))

    def _effect_of_block(self, obj: Any) -> list[str]:
        tokens = self.tokens_of([obj.pk]) if self.owner else None
        if tokens is None:
            return [_("This charge token will be refused everywhere."), *_others(obj, refused=False)]
        if not how_many(tokens):
            return [_("It has no charge token now. Those it gets will be refused everywhere while it is blocked.")]
        return [OF_IT[type(obj)][0] % {"tokens": tokens_counted(tokens)}]

    def _effect_of_unblock(self, obj: Any) -> list[str]:
        above = [_still(owner) for owner in owners(obj) if owner.blocked][:1]
        if above:
            return above
        if not self.owner:
            return [_("This charge token may charge again wherever the rules let it."), *_others(obj, refused=True)]
        return [OF_IT[type(obj)][1] % {"tokens": tokens_counted(self.tokens_of([obj.pk]))}]

    @admin.action(description=gettext_lazy("Block selected"), permissions=["change"])
    def block_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._many(request, queryset, True)

    @admin.action(description=gettext_lazy("Unblock selected"), permissions=["change"])
    def unblock_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._many(request, queryset, False)

    def _many(self, request: HttpRequest, queryset: Any, blocked: bool) -> HttpResponse | None:
        # The list's own order and joins are of no use here.
        own = managed_by(scope_of_request(request), self.model._default_manager.filter(pk__in=queryset.values("pk")))
        number = how_many(own)
        if number > AT_ONCE:
            text = _("Nothing was changed. Choose at most %(number)s at a time.") % {"number": f"{AT_ONCE:,}"}
            self.message_user(request, text, messages.ERROR)
            return None
        kind = self.opts.verbose_name if number == 1 else self.opts.verbose_name_plural
        these = f"{number:,} {kind}"
        if request.POST.get("confirmed") != "yes":
            return self._ask_for_many(request, own, these, blocked)
        changed = set_blocked(own, blocked)
        said = _("Blocked: %(number)s of %(these)s.") if blocked else _("Unblocked: %(number)s of %(these)s.")
        rest = "" if changed == number else _(" The others were so already.")
        self.message_user(request, said % {"number": f"{changed:,}", "these": these} + rest, messages.SUCCESS)
        return None

    def _ask_for_many(self, request: HttpRequest, own: Any, these: str, blocked: bool) -> HttpResponse:
        tokens = tokens_counted(self.tokens_of(own.order_by().values("pk") if self.owner else own))
        if blocked:
            title, button = _("Block %(these)s?") % {"these": these}, _("Block")
            lines = [_("Refused everywhere from then on: %(tokens)s.") % {"tokens": tokens}]
        else:
            title, button = _("Unblock %(these)s?") % {"these": these}, _("Unblock")
            lines = [
                _("May charge again wherever the rules let them: %(tokens)s.") % {"tokens": tokens},
                _("What is blocked by itself, or belongs to somebody who is blocked, stays refused."),
            ]
        return self.list_confirmation(request, title=title, lines=lines, button=button, danger=blocked)


# What blocking and unblocking do to an owner's charge tokens.
OF_IT: dict[type[Any], tuple[Any, Any]] = {
    EMSP: (
        gettext_lazy("%(tokens)s of this eMSP will be refused everywhere."),
        gettext_lazy(
            "%(tokens)s of this eMSP may charge again wherever the rules let them, unless they, their driver or their "
            "customer are blocked."
        ),
    ),
    Customer: (
        gettext_lazy("%(tokens)s of this customer will be refused everywhere."),
        gettext_lazy(
            "%(tokens)s of this customer may charge again wherever the rules let them, unless they or their driver are "
            "blocked."
        ),
    ),
    Driver: (
        gettext_lazy("%(tokens)s of this driver will be refused everywhere."),
        gettext_lazy(
            "%(tokens)s of this driver may charge again wherever the rules let them, unless they are blocked."
        ),
    ),
}
_OWNERS: dict[type[Any], Callable[[Any], list[Any]]] = {
    EMSP: lambda emsp: [],
    Customer: lambda customer: [customer.emsp],
    Driver: lambda driver: [driver.customer, driver.customer.emsp],
    Token: lambda token: [token.driver, token.customer, token.emsp],
}


def owners(obj: Any) -> list[Any]:
    """Who would have to be unblocked as well, the nearest first."""
    return [owner for owner in _OWNERS[type(obj)](obj) if owner is not None]


def _still(owner: Any) -> str:
    return _("%(owner)s is blocked: whatever belongs to it stays refused until that is unblocked too.") % {
        "owner": owner
    }


def _others(token: Token, refused: bool) -> list[str]:
    """What to know of further cards of the same contract."""
    if not token.auth_id_normal or token.emsp_id is None:
        return []
    same = Token.objects.filter(emsp=token.emsp_id, auth_id_normal=token.auth_id_normal, valid=not refused)
    number = how_many(same.exclude(pk=token.pk))
    if not number:
        return []
    others = counted(number, lambda n: ngettext("%(number)s other charge token", "%(number)s other charge tokens", n))
    if refused:
        return [_("Still blocked: %(others)s with the same Auth ID.") % {"others": others}]
    return [_("Not blocked by this: %(others)s with the same Auth ID.") % {"others": others}]
