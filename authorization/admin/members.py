"""The members of an exception group: found, searched, added by choice or by pasted ids, taken out."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextareaWidget

from authorization.access import seen_among
from authorization.models import ExceptionGroup, GroupMember
from authorization.services.groups import MEMBER_MODELS, candidates, members_shown
from locations.access import managed_by, scope_of_request, visible_to
from locations.admin import search_party
from locations.admin_listing import Column, Listing, MenuItem
from locations.admin_scope import may_name
from locations.admin_widgets import SearchSeveral
from tokens.search import begins, normal_forms

# The form around the list: its buttons and boxes stand in the list, outside of it.
FORM = "members-form"
ANOTHERS = gettext_lazy("of another party")
# What to type, and what to paste, by category.
SEARCHED = {
    "cpo": gettext_lazy("Name or party, like NL-GFX"),
    "location": gettext_lazy("Name or location ID"),
    "emsp": gettext_lazy("Name or party, like NL-TNM"),
    "customer": gettext_lazy("Name or external ID"),
    "driver": gettext_lazy("Name or external ID"),
    "token": gettext_lazy("Auth ID or Chip ID, from its beginning"),
}
PASTED = {
    "cpo": gettext_lazy("Party codes, one a line, like NL-GFX"),
    "location": gettext_lazy("Location IDs, one a line; where two CPOs have one, “NL-GFX LOC1”"),
    "emsp": gettext_lazy("Party codes, one a line, like NL-TNM"),
    "customer": gettext_lazy("External IDs of customers, one a line"),
    "driver": gettext_lazy("External IDs of drivers, one a line"),
    "token": gettext_lazy(
        "Auth IDs, one a line, with or without dashes. One that no charge token carries yet is kept as an external one."
    ),
}


def _into_group(request: HttpRequest, rows: Any) -> Any:
    """Of the rows that a search found, those that the user may put into the group that the search is for."""
    asked = request.GET.get("group", "")
    if not asked.isdecimal() or len(asked) > 18:
        return rows
    group = managed_by(scope_of_request(request), ExceptionGroup.objects.filter(pk=int(asked))).first()
    if group is None or MEMBER_MODELS[group.category] is not rows.model:
        return rows.none()
    return candidates(group, scope_of_request(request), rows)


may_name(GroupMember, *ExceptionGroup.Category.values, among=_into_group)


class ChooseForm(forms.Form):
    """Some members, found by typing."""

    chosen: Any = forms.ModelMultipleChoiceField(queryset=GroupMember.objects.none())

    def __init__(self, request: HttpRequest, group: ExceptionGroup, *args: Any) -> None:
        super().__init__(*args)
        field: Any = self.fields["chosen"]
        field.label = SEARCHED[group.category]
        field.queryset = candidates(group, scope_of_request(request))
        column: Any = GroupMember._meta.get_field(group.category)
        field.widget = SearchSeveral(column, admin.site, attrs={"id": "id_chosen"})
        field.widget.asking = f"group={group.pk}"
        field.widget.choices = field.choices


class PasteForm(forms.Form):
    """Ids as text."""

    lines = forms.CharField(strip=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 6, "spellcheck": "false"}))

    def __init__(self, group: ExceptionGroup, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["lines"].label = PASTED[group.category]


def _menu(group: ExceptionGroup, removable: bool) -> list[MenuItem]:
    out = {form: reverse("exceptiongroup-export", kwargs={"pk": group.pk, "form": form}) for form in ("csv", "xlsx")}
    exports = [MenuItem(_("Export as CSV"), address=out["csv"]), MenuItem(_("Export as XLSX"), address=out["xlsx"])]
    if not removable:
        return exports
    address = f"{reverse('admin:imports_import_add')}?kind=group_members&group={group.pk}"
    more = [MenuItem(_("Remove selected"), "selected", "yes"), MenuItem(_("Remove all"), "all", "yes")]
    return [MenuItem(_("Import a CSV file"), address=address), *exports, *more]


def members_listing(request: HttpRequest, group: ExceptionGroup, *, removable: bool) -> Listing:
    """The members that the user may see, each by what the user may read of it."""
    rows = members_shown(group, scope_of_request(request)).select_related(*_read(group.category))
    listing = Listing(
        request,
        "members",
        rows,
        (),
        empty=_("No members yet: the group covers nothing, and a whitelist of it lets nobody in."),
        title=_("Members"),
        search=lambda found, term: _search(request, group.category, found, term),
        search_label=str(SEARCHED[group.category]),
        select="row" if removable else "",
        form=FORM if removable else "",
        menu=_menu(group, removable),
    )
    cells = Cells(request, group.category, listing)
    listing.columns = cells.columns()
    if removable:
        listing.columns = [*listing.columns, Column("", cells.remove_button)]
    return listing


def _read(category: str) -> tuple[str, ...]:
    more = {"location": ("location__cpo",), "customer": ("customer__emsp",), "driver": ("driver__customer",)}
    return more.get(category, ()) or (
        (category, "token__emsp", "token__customer") if category == "token" else (category,)
    )


def _search(request: HttpRequest, category: str, members: Any, term: str) -> Any:
    """By names and ids alone, of what the user may see; and by Auth IDs as they stand in the group."""
    model: Any = MEMBER_MODELS[category]
    known = visible_to(scope_of_request(request), model.objects.order_by())
    if category in ("cpo", "emsp"):
        return members.filter(**{f"{category}__in": search_party(known, term)})
    if category == "token":
        named = Q(token__in=known.filter(begins(term)).values("pk"))
        for form in normal_forms(term):
            named |= Q(auth_id__startswith=form)
        return members.filter(named)
    id_ = Q(location_id=term) if category == "location" else Q(external_id=term)
    return members.filter(**{f"{category}__in": known.filter(Q(name__icontains=term) | id_).values("pk")})


class Cells:
    """What stands in the list of members, of the rows of its page. Of another's token the Auth ID as it was named here,
    of another's customer or driver that there is one."""

    def __init__(self, request: HttpRequest, category: str, listing: Listing) -> None:
        self.request, self.category, self.listing = request, category, listing
        self.model: type[Model] = MEMBER_MODELS[category]

    @cached_property
    def seen(self) -> set[int]:
        return seen_among(list(self.listing.page.object_list), self.category, scope_of_request(self.request))

    @cached_property
    def opened(self) -> set[int]:
        """Those that have a page for the user: of what is seen by name alone, none."""
        page: Any = admin.site._registry[self.model]
        if not page.has_view_permission(self.request):
            return set()
        if not getattr(page, "others_by_name", False):
            return self.seen
        rows: Any = self.model._default_manager.filter(pk__in=self.seen)
        return set(managed_by(scope_of_request(self.request), rows).values_list("pk", flat=True))

    def columns(self) -> list[Column]:
        cells: dict[str, list[tuple[str, Callable[[Any], Any]]]] = {
            "cpo": [(_("Name"), lambda row: row.name), (_("Party"), lambda row: row.code)],
            "location": [
                (_("Name"), str),
                (_("Location ID"), lambda row: row.location_id),
                (_("CPO"), lambda row: row.cpo),
            ],
            "emsp": [(_("Name"), lambda row: row.name), (_("Party"), lambda row: row.code)],
            "customer": [
                (_("Name"), str),
                (_("External ID"), lambda row: row.external_id or "–"),
                (_("eMSP"), lambda row: row.emsp),
            ],
            "driver": [
                (_("Name"), str),
                (_("External ID"), lambda row: row.external_id or "–"),
                (_("Customer"), lambda row: row.customer),
            ],
            "token": [
                (_("Auth ID"), lambda row: row.auth_id or _("none, Chip ID %(uid)s") % {"uid": row.uid}),
                (_("Chip ID"), lambda row: row.uid or "–"),
                (_("eMSP"), lambda row: row.emsp or _("external")),
                (_("Customer"), lambda row: row.customer or "–"),
            ],
        }
        (title, value), *others = cells[self.category]
        return [Column(title, self._first(value), self._link)] + [
            Column(title, self._value(value)) for title, value in others
        ]

    def _pk(self, member: GroupMember) -> int:
        return int(getattr(member, f"{self.category}_id"))

    def _value(self, value: Callable[[Any], Any]) -> Callable[[GroupMember], Any]:
        return lambda member: value(getattr(member, self.category)) if self._pk(member) in self.seen else "–"

    def _first(self, value: Callable[[Any], Any]) -> Callable[[GroupMember], Any]:
        def first(member: GroupMember) -> Any:
            if self._pk(member) in self.seen:
                return value(getattr(member, self.category))
            return member.auth_id_entered or member.auth_id or ANOTHERS

        return first

    def _link(self, member: GroupMember) -> str | None:
        if self._pk(member) not in self.opened:
            return None
        return admin.site._registry[self.model].address("change", getattr(member, self.category))  # type: ignore[attr-defined,no-any-return]

    def remove_button(self, member: GroupMember) -> SafeString:
        name = self.columns()[0].value(member)
        return format_html(
            '<button type="submit" class="cw-link" form="{}" name="only" value="{}" aria-label="{}">{}</button>',
            FORM,
            member.pk,
            _("Remove %(name)s") % {"name": name},
            _("Remove"),
        )
