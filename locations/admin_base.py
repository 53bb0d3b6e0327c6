"""What every page of the admin has in common: how it is laid out, refuses, counts, and shows history."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import admin, messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.utils import unquote
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.text import smart_split, unescape_string_literal
from django.utils.translation import gettext

from locations import admin_format, admin_history, admin_refusals
from locations.access import scope_of_request
from locations.admin_pages import ObjectPages
from locations.admin_paging import BoundedChangeList, BoundedPaginator
from locations.admin_scope import Fields, Scoped
from locations.admin_versions import Versioned

if TYPE_CHECKING:
    ThemedAdmin = admin.ModelAdmin[Any]
    ThemedInline = admin.TabularInline[Any, Any]

    Method = TypeVar("Method", bound=Callable[..., Any])

    def display(
        *, description: Any, label: bool | dict[Any, str] = False, ordering: str = ""
    ) -> Callable[[Method], Method]: ...

else:
    from unfold.admin import ModelAdmin as ThemedAdmin
    from unfold.admin import TabularInline as ThemedInline
    from unfold.decorators import display  # noqa: F401

from unfold.widgets import UnfoldAdminExpandableTextareaWidget

DELETED_AT_ONCE = 1000
TRIGRAM = 3
# What the theme adds to a field's name for the bounds of a range.
RANGE = "_(from|to)(_[01])?"


class TooMany(Exception):
    """More rows than one request should delete."""


class ScopedInline(Scoped, Fields, ThemedInline):
    """Rows of the object on a tab of their own, in pages."""

    per_page = 20
    extra = 0
    tab = True
    hide_title = True
    show_change_link = True


class OnlyShown:
    """Rows that nobody adds, edits or deletes where they are shown."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ShownInline(OnlyShown, ScopedInline):
    """Rows that are edited on their own pages, and only shown here."""


class ScopedAdmin(ObjectPages, Versioned, Scoped, Fields, ThemedAdmin):
    """Base of every model's pages."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_filter_submit = True
    warn_unsaved_form = True
    formfield_overrides = {models.TextField: {"widget": UnfoldAdminExpandableTextareaWidget}}
    change_form_outer_before_template = "admin/above_form.html"
    # Fields that only an Admin changes once the object is there.
    fixed: tuple[str, ...] = ()
    # How to word what the database refuses, by constraint: (field, text or None).
    refusals: admin_refusals.Refusals = {}
    # What an empty list says would be here, and how it comes; where else it leads: (title, name of the address).
    empty: Any = ""
    empty_leads: tuple[Any, ...] = ()
    # What the button there says, if not "Add" with the model's name.
    adds: Any = ""
    # What filters are called, by field, if not as the field is.
    filter_titles: dict[str, Any] = {}
    # What one row, and several, are called where they are counted, if not as the model is.
    counted: tuple[Any, ...] = ()
    # Whose changes the history shows besides the object's own: (model, its foreign key).
    history_parts: Sequence[tuple[type[models.Model], str]] = ()

    def notices(self, request: HttpRequest, obj: Any) -> list[tuple[str, str]]:
        """What to say above the form of an existing object: (`info` | `warning` | `success`, sentence)."""
        return []

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fixed = () if obj is None or scope_of_request(request).everything else self.fixed
        return (*super().get_readonly_fields(request, obj), *fixed)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """A manager filters by the list's filters alone: other columns may hold what is not theirs to read."""
        if not scope_of_request(request).everything:
            names = [re.escape(_parameter(item)) for item in self.get_list_filter(request)]
            if not re.fullmatch(f"({'|'.join(names)})({RANGE})?", lookup.partition("__")[0]):
                return False
        return super().lookup_allowed(lookup, value, request)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Any]:
        return BoundedChangeList

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        # The list's form refuses NUL, which PostgreSQL cannot hold; an autocomplete passes it on.
        return self.search(queryset, search_term.replace("\x00", "").strip(), request)

    def search(self, queryset: Any, term: str, request: HttpRequest) -> tuple[Any, bool]:
        """The rows that match, and whether one may come twice. By default every word in any of search_fields.

        A word of one or two letters is looked for at the beginning of a field: for a part so short no index helps.
        """
        for word in smart_split(term):
            quoted = word[0] in "\"'" and word[0] == word[-1]
            part = unescape_string_literal(word) if quoted else word
            has = "icontains" if len(part) >= TRIGRAM else "istartswith"
            queryset = queryset.filter(Q.create([(f"{field}__{has}", part) for field in self.search_fields], Q.OR))
        return queryset, False

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        obj = kwargs.get("obj")
        context["notices"] = self.notices(request, obj) if obj is not None and obj.pk else []
        context["object_tabs"] = self.tabs(request, obj, "change")
        there = obj is not None and obj.pk and IS_POPUP_VAR not in request.GET
        context["object_buttons"] = self.buttons(request, obj) if there else []
        return super().render_change_form(request, context, *args, **kwargs)

    def changeform_view(  # type: ignore[override]
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponseBase:
        """Saves; where the database refuses, shows the form again as it was typed, with the reason."""
        said = admin_refusals.queued(request)
        try:
            return super().changeform_view(request, object_id, form_url, dict(extra_context or {}))
        except IntegrityError as error:
            admin_refusals.unsay(request, said)
            request.refusal = admin_refusals.explain(error, self.refusals)  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, dict(extra_context or {}))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        own = getattr(getattr(kwargs.get("form", self.form), "Meta", None), "labels", None) or {}
        kwargs.setdefault("labels", self._labels_of_shown(request, obj) | own)
        form = super().get_form(request, obj, change=change, **kwargs)
        refusal = getattr(request, "refusal", None)
        return form if refusal is None else _refused(form, *refusal)

    def _labels_of_shown(self, request: HttpRequest, obj: Any) -> dict[str, str]:
        """Django translates no name of a field that is only shown."""
        may = obj is None or self.has_change_permission(request, obj)
        shown = set(self.get_readonly_fields(request, obj)) if may else {field.name for field in self.opts.fields}
        return {field.name: admin_format.word(field.verbose_name) for field in self.opts.fields if field.name in shown}

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except IntegrityError as error:
            _, text = admin_refusals.explain(error, self.refusals)
            self.message_user(request, gettext("Not deleted. %(why)s") % {"why": text}, messages.ERROR)
            return HttpResponseRedirect("../change/")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.method != "POST":
            return super().changelist_view(request, extra_context)
        said = admin_refusals.queued(request)
        try:
            with transaction.atomic():
                return super().changelist_view(request, extra_context)
        except IntegrityError as error:
            why = admin_refusals.explain(error, self.refusals)[1]
            text = gettext("Nothing was changed. %(why)s") % {"why": why}
        except TooMany:
            text = gettext("Nothing was deleted. Choose at most %(number)s at a time.") % {
                "number": intcomma(DELETED_AT_ONCE)
            }
        admin_refusals.unsay(request, said)
        self.message_user(request, text, messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        if isinstance(objs, models.QuerySet) and objs[: DELETED_AT_ONCE + 1].count() > DELETED_AT_ONCE:
            raise TooMany
        return super().get_deleted_objects(objs, request)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """What the database's triggers recorded; Django's own log for a model they do not watch."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        if not admin_history.is_tracked(self.model):
            return super().history_view(request, object_id, extra_context)
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        entries = admin_history.entries(obj, self.history_parts, scope_of_request(request))
        context = {"entries": entries, "newest": admin_history.NEWEST}
        title = gettext("History: %(object)s") % {"object": obj}
        return self.page_of(request, obj, "admin/event_history.html", context, at="history", title=title)


def _parameter(list_filter: Any) -> str:
    """What an item of `list_filter` is called in a list's address."""
    if isinstance(list_filter, tuple):
        return str(list_filter[0])
    return str(getattr(list_filter, "parameter_name", list_filter))


def _refused(form: Any, field: str | None, text: str) -> Any:
    def clean(self: Any) -> Any:
        cleaned = super(refused, self).clean()
        self.add_error(field if field in self.fields else None, text)
        return cleaned

    refused: Any = type(form.__name__, (form,), {"clean": clean})
    return refused
