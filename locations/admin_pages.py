"""Pages of one object beside its form: tabs, and steps that ask before they do something."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext

from locations import admin_history, admin_refusals
from locations.access import scope_of_request

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    Page = ModelAdmin[Any]
else:
    Page = object


class ObjectPage(NamedTuple):
    """A page of one object beside its form, at `<id>/<slug>/`: the admin's method `<slug>_page(request, obj)`.

    title: of its tab; empty for a page without one. permission: "app.codename" that a role must have. changes: whether
    the object must be the user's own to change. whole: it is one transaction; not where somebody else is asked between
    who asks us in turn.
    """

    slug: str
    title: Any = ""
    permission: str = ""
    changes: bool = False
    whole: bool = True


class Button(NamedTuple):
    """A button beside an object's tabs, to a page that asks before it does something."""

    title: Any
    address: str
    danger: bool = False


class ObjectPages(Page):
    """An admin with pages of one object."""

    object_pages: Sequence[ObjectPage] = ()
    refusals: admin_refusals.Refusals = {}

    def get_urls(self) -> Any:
        options = self.opts
        return [
            path(
                f"<path:object_id>/{page.slug}/",
                self.admin_site.admin_view(partial(self.object_page, page=page)),
                name=f"{options.app_label}_{options.model_name}_{page.slug.replace('-', '_')}",
            )
            for page in self.object_pages
        ] + super().get_urls()

    def object_page(self, request: HttpRequest, object_id: str, page: ObjectPage) -> HttpResponseBase:
        """One of `object_pages`. What the database or a service refuses is said, and nothing has changed."""
        obj = self.get_object(request, unquote(object_id))
        if not self.allows(request, page) or (page.changes and not self.has_change_permission(request, obj)):
            raise PermissionDenied
        if obj is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        said = admin_refusals.queued(request)
        try:
            with transaction.atomic() if page.whole else nullcontext():
                answer: HttpResponseBase = getattr(self, f"{page.slug.replace('-', '_')}_page")(request, obj)
            return answer
        except IntegrityError as error:
            text = admin_refusals.explain(error, self.refusals)[1]
        except ValidationError as error:
            text = " ".join(error.messages)
        admin_refusals.unsay(request, said)
        self.message_user(request, gettext("Nothing was changed. %(why)s") % {"why": text}, messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())

    def allows(self, request: HttpRequest, page: ObjectPage) -> bool:
        """Whether the user's roles open the page at all."""
        may = not page.permission or scope_of_request(request).may(page.permission)
        return may and self.has_view_or_change_permission(request)

    def address(self, page: str, obj: Any = None) -> str:
        """Of a page of this model: `changelist`, `add`; of an object: `change`, `delete`, `history`, or a slug."""
        options, args = self.opts, () if obj is None else (quote(obj.pk),)
        return reverse(f"admin:{options.app_label}_{options.model_name}_{page.replace('-', '_')}", args=args)

    def tabs(self, request: HttpRequest, obj: Any, at: str) -> list[dict[str, Any]]:
        """The tabs of an object's pages, `at` the open one's slug; none where the form is all there is."""
        if obj is None or not obj.pk or not self.object_pages or IS_POPUP_VAR in request.GET:
            return []
        shown = [("change", gettext("General"))]
        shown += [(page.slug, page.title) for page in self.object_pages if page.title and self.allows(request, page)]
        shown += [("history", gettext("History"))] if admin_history.is_tracked(self.model) else []
        if len(shown) == 1:
            return []
        return [
            {"title": title, "address": self.address(slug, obj), "open": slug == at, "slug": slug}
            for slug, title in shown
        ]

    def buttons(self, request: HttpRequest, obj: Any) -> list[Button]:
        """What the user can have done to the object, on each of its pages."""
        return []

    def page_of(
        self, request: HttpRequest, obj: Any, template: str, context: dict[str, Any], *, at: str = "", title: Any = ""
    ) -> TemplateResponse:
        """A page about an object in the admin's dress; `at`: the tab that is open."""
        request.current_app = self.admin_site.name
        opened = next((page.title for page in self.object_pages if page.slug == at and page.title), "")
        shown = {
            **self.admin_site.each_context(request),
            "title": title or opened or str(obj),
            "subtitle": str(obj),
            "object": obj,
            "original": obj,
            "object_tabs": self.tabs(request, obj, at),
            "object_buttons": self.buttons(request, obj) if at else [],
            "notices": [],
            "may_change": self.has_change_permission(request, obj),
            "object_opts": self.opts,
            "back": self.address(at or "change", obj),
        }
        return TemplateResponse(request, template, shown | context)

    def confirmation(
        self,
        request: HttpRequest,
        obj: Any,
        *,
        title: Any,
        lines: Sequence[Any],
        button: Any,
        at: str = "",
        danger: bool = False,
        fields: Mapping[str, Iterable[Any]] | None = None,
        returns: str = "",
    ) -> TemplateResponse:
        """Asks before something happens: what it will do, in sentences; a POST of `fields` and `confirmed` does it.

        returns: the field that, POSTed with them, brings back the form they are from; without it, Cancel leaves.
        """
        hidden = [(name, value) for name, values in (fields or {}).items() for value in values]
        context = {"lines": lines, "button": button, "danger": danger, "fields": hidden, "object_buttons": []}
        context["returns"] = returns
        return self.page_of(request, obj, "admin/confirmation.html", context, at=at, title=title)

    def list_confirmation(
        self, request: HttpRequest, *, title: Any, lines: Sequence[Any], button: Any, danger: bool = False
    ) -> TemplateResponse:
        """As `confirmation`, for rows chosen in the list: the same action is POSTed again, with `confirmed`."""
        kept = ("action", ACTION_CHECKBOX_NAME, "select_across", "index")
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "subtitle": None,
            "opts": self.opts,
            "lines": lines,
            "button": button,
            "danger": danger,
            "fields": [(name, value) for name in kept for value in request.POST.getlist(name)],
            "back": request.get_full_path(),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/confirmation.html", context)
