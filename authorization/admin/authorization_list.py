"""Who may charge at a private location: the list on its page, and how customers and charge tokens come and go.

Before the first entry comes, or the last one goes, the page says what that does to the location. It counts again under
the location's lock: what was announced happens, or is asked about anew.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from authorization.admin import authorized
from authorization.handles import handle
from authorization.models import AuthorizationListEntry
from authorization.services import lists
from locations.access import scope_of_request
from locations.admin_pages import ObjectPage, ObjectPages
from locations.admin_scope import may_name
from locations.models import Location
from tokens import ids

may_name(AuthorizationListEntry, "customer", "token")
NAMED = 10  # as many names as a question tells


class AuthorizationListPages(ObjectPages):
    """The Authorization tab of a location's pages."""

    object_pages: Sequence[ObjectPage] = (
        ObjectPage("authorization", gettext_lazy("Authorization"), "locations.view_location"),
        ObjectPage("add-customers", changes=True),
        ObjectPage("add-tokens", changes=True),
        ObjectPage("remove", changes=True),
    )

    def authorization_page(self, request: HttpRequest, obj: Location) -> HttpResponse:
        changes = self.has_change_permission(request, obj)
        listings = [authorized.customers(request, obj, self, changes), authorized.tokens(request, obj, self, changes)]
        context = {"listings": listings, "remove": self.address("remove", obj), "notices": self.notices(request, obj)}  # type: ignore[attr-defined]
        return self.page_of(request, obj, "admin/authorization_list.html", context, at="authorization")

    def add_customers_page(self, request: HttpRequest, obj: Location) -> HttpResponse:
        chosen = _numbers(request.POST.getlist("customer"))
        context = {"listing": authorized.customers_to_add(request, obj, chosen)}
        return self._add(request, obj, context, add_customers=chosen)

    def add_tokens_page(self, request: HttpRequest, obj: Location) -> HttpResponse:
        typed = "\n".join(request.POST.getlist("auth_ids")).replace("\x00", "")
        lines = [line.strip() for line in typed.splitlines() if line.strip()]
        chosen = _numbers(request.POST.getlist("token"))
        context = {"listing": authorized.tokens_to_add(request, obj, chosen), "typed": typed, "types": True}
        return self._add(request, obj, context, add_tokens=chosen, add_auth_ids=lines)

    def _add(self, request: HttpRequest, obj: Location, context: dict[str, Any], **added: Any) -> HttpResponse:
        """The page where they are searched; posted, puts them on the list, the first ones after a question."""
        looking = "search" in request.POST or "found-p" in request.POST
        if request.method == "POST" and not looking:
            if not any(added.values()):
                context["errors"] = [_("Nothing is chosen yet: tick what you want to add, or enter an Auth ID.")]
            else:
                try:
                    return self._put_on_list(request, obj, added)
                except ValidationError as error:
                    context["errors"] = error.messages
        title = _("Who may charge at %(location)s") % {"location": obj}
        return self.page_of(request, obj, "admin/add_to_list.html", context, at="authorization", title=title)

    def _put_on_list(self, request: HttpRequest, obj: Location, added: dict[str, Any]) -> HttpResponse:
        lists.lock(obj)
        before, published = lists.on_list(obj), obj.published
        asks = not before.all and "confirmed" not in request.POST
        with transaction.atomic():
            lists.change_authorization_list(obj, scope=scope_of_request(request), **added)
            # Tried, so that what is refused is refused before the question.
            transaction.set_rollback(asks)
        if asks:
            return self._ask_to_add(request, obj, published, added)
        self._say_added(request, obj, before, lists.on_list(obj), added.get("add_auth_ids", []))
        return HttpResponseRedirect(self.address("authorization", obj))

    def _ask_to_add(
        self, request: HttpRequest, obj: Location, published: bool, added: dict[str, list[Any]]
    ) -> HttpResponse:
        lines = [
            _("This is the first entry on the authorization list of %(location)s. It makes the location private: from "
              "then on only those on the list may charge there, and everybody else is refused."),
            _("%(location)s is published now: it will be unpublished, and apps and partner platforms hide it.")
            if published else _("%(location)s stays unpublished."),
        ]  # fmt: skip
        fields = {
            "customer": added.get("add_customers", []),
            "token": added.get("add_tokens", []),
            "auth_ids": ["\n".join(added.get("add_auth_ids", []))],
        }
        return self.confirmation(
            request,
            obj,
            title=_("Make %(location)s private?") % {"location": obj},
            lines=[line % {"location": obj} for line in lines],
            button=_("Add, and make it private"),
            at="authorization",
            danger=published,
            fields=fields,
        )

    def _say_added(self, request: HttpRequest, obj: Location, before: Any, after: Any, auth_ids: list[str]) -> None:
        number = after.all - before.all
        if number:
            said = ngettext("%(number)d entry added.", "%(number)d entries added.", number) % {"number": number}
        else:
            said = _("Nothing was added: it is on the list already.")
        self.message_user(request, said, messages.SUCCESS if number else messages.INFO)
        if not before.all:
            private = _("%(location)s is private now, and not published.") % {"location": obj}
            self.message_user(request, private, messages.WARNING)
        warnings = [warning for auth_id in auth_ids[:1000] if (warning := ids.auth_id_warning(auth_id))]
        for warning in warnings[:NAMED]:
            self.message_user(request, warning, messages.WARNING)

    def remove_page(self, request: HttpRequest, obj: Location) -> HttpResponse:
        """Asks, and then removes: the row of a button (`only`), those that are ticked (`entry`), or all of a kind."""
        back = HttpResponseRedirect(self.address("authorization", obj))
        if request.method != "POST":
            return back
        lists.lock(obj)
        every = request.POST.get("all", "")
        pks = _numbers(request.POST.getlist("only") or request.POST.getlist("entry"))
        going = _going(request, obj, every, pks)
        number = going.count()
        if not number:
            text = _("Already gone: somebody else was faster.") if pks or every else _("Tick the rows to remove first.")
            self.message_user(request, text, messages.INFO)
            return back
        closes = number == lists.on_list(obj).all
        announced = f"{number} {closes}"
        if request.POST.get("announced") != announced:
            return self._ask_to_remove(
                request,
                obj,
                going,
                number,
                closes,
                {
                    "all": [every] if every else [],
                    "entry": pks,
                    "announced": [announced],
                },
            )
        if every:
            lists.change_authorization_list(obj, clear=every)
        else:
            kinds = dict(going.values_list("pk", "customer"))
            lists.change_authorization_list(
                obj,
                remove_customers=[handle(pk) for pk, customer in kinds.items() if customer is not None],
                remove_tokens=[handle(pk) for pk, customer in kinds.items() if customer is None],
                scope=scope_of_request(request),
            )
        said = ngettext("%(number)d entry removed.", "%(number)d entries removed.", number) % {"number": number}
        self.message_user(request, said, messages.SUCCESS)
        if closes:
            closed = _("The authorization list of %(location)s is empty: it is closed until somebody publishes it.")
            self.message_user(request, closed % {"location": obj}, messages.WARNING)
        return back

    def _ask_to_remove(
        self, request: HttpRequest, obj: Location, going: Any, number: int, closes: bool, fields: dict[str, Any]
    ) -> HttpResponse:
        names = [authorized.name_of(entry) for entry in going[:NAMED]]
        if number > NAMED:
            names.append(ngettext("%(number)d more", "%(number)d more", number - NAMED) % {"number": number - NAMED})
        lines = []
        if request.POST.get("announced"):
            lines.append(_("Somebody else has changed the list meanwhile. Nothing is removed yet."))
        lines.append(
            _("%(names)s will be removed from the authorization list of %(location)s.")
            % {"names": get_text_list(names, _("and")), "location": obj}
        )
        if closes:
            text = _(
                "The list is empty then: %(location)s will be closed, and nobody may charge there until somebody "
                "publishes it, or puts others on the list."
            )
            lines.append(text % {"location": obj})
        else:
            lines.append(_("%(location)s stays private: the others on its list may charge there.") % {"location": obj})
        return self.confirmation(
            request,
            obj,
            title=_("Remove and close %(location)s?") % {"location": obj} if closes else _("Remove?"),
            lines=lines,
            button=_("Remove, and close the location") if closes else _("Remove"),
            at="authorization",
            danger=True,
            fields=fields,
        )


def _going(request: HttpRequest, obj: Location, every: str, pks: list[int]) -> Any:
    entries = authorized.entries(request, obj)
    if every == "customers":
        return entries.filter(token=None)
    if every == "tokens":
        return entries.filter(customer=None)
    return entries.filter(pk__in=pks)


def _numbers(values: Iterable[str]) -> list[int]:
    """The primary keys among what was sent, each once."""
    return [int(value) for value in dict.fromkeys(values) if value.isdecimal() and value.isascii() and len(value) < 19]
