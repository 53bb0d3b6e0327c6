"""Exception groups: the side and the category are chosen once, members come and go."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminRadioSelectWidget

from authorization.admin import members
from authorization.admin.owners import OwnedAdmin, OwnedForm
from authorization.admin.sentences import quoted
from authorization.admin.touching import listing_of
from authorization.handles import handle
from authorization.models import ChargeException, ExceptionGroup, GroupMember
from authorization.services.groups import MembersChanged, change_members
from authorization.services.pasted import understand
from locations.access import scope_of_request, visible_to
from locations.admin_base import display
from locations.admin_pages import ObjectPage
from locations.admin_scope import PartyFilter

SIDES = {"cpo": gettext_lazy("CPO side"), "emsp": gettext_lazy("eMSP side")}
# What a group of each category covers, to choose by.
CHOICES = [
    (
        gettext_lazy("CPO side: places where to charge"),
        [
            ("cpo", gettext_lazy("CPOs – all locations of these, and of the CPOs below them, now and later")),
            ("location", gettext_lazy("Locations – these alone")),
        ],
    ),
    (
        gettext_lazy("eMSP side: cards to charge with"),
        [
            ("emsp", gettext_lazy("eMSPs – all cards of these, now and later")),
            ("customer", gettext_lazy("Customers – all cards of these, now and later")),
            ("driver", gettext_lazy("Drivers – all cards of these, now and later")),
            ("token", gettext_lazy("Charge tokens – these alone, by Auth ID where they have one")),
        ],
    ),
]


class GroupForm(OwnedForm):
    """The category is chosen by what a group of it covers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "category" in self.fields:
            self.fields["category"] = forms.ChoiceField(
                choices=CHOICES,
                label=_("Members are"),
                help_text=_("It stays: a group of another kind is another group."),
                widget=UnfoldAdminRadioSelectWidget(),
            )


@admin.register(ExceptionGroup)
class ExceptionGroupAdmin(OwnedAdmin):
    form = GroupForm
    empty = gettext_lazy("Exception groups name the places, or the cards, that an exception is about.")
    list_display = ("name", "side_label", "category_label", "owner")
    list_filter = (
        ("category", ChoicesDropdownFilter),
        ("owner_cpo", PartyFilter),
        ("owner_emsp", PartyFilter),
    )
    search_fields = ("name",)
    search_help_text = gettext_lazy("Name")
    fieldsets = ((None, {"fields": ("name", "category", "notes")}),)
    object_pages = (
        ObjectPage("members", gettext_lazy("Members")),
        ObjectPage("where-used", gettext_lazy("Where it is used"), "authorization.view_chargeexception"),
    )
    history_parts = ((GroupMember, "group"),)
    refusals = {
        "group_category_never_changes": (None, None),
        "group_member_auth_id_is_unique": (None, gettext_lazy("A charge token with this Auth ID is already a member.")),
    }

    @display(description=gettext_lazy("Side"), label={"cpo": "info", "emsp": "primary"})
    def side_label(self, group: ExceptionGroup) -> tuple[str, str]:
        return group.side, str(SIDES[group.side])

    @display(description=gettext_lazy("Members are"), ordering="category")
    def category_label(self, group: ExceptionGroup) -> str:
        return group.get_category_display()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Only name and notes can be edited later."""
        stays = ("category", "owner_cpo", "owner_emsp") if obj is not None else ()
        return (*super().get_readonly_fields(request, obj), *stays)

    def notices(self, request: HttpRequest, obj: ExceptionGroup) -> list[tuple[str, str]]:
        said = []
        if not obj.members.exists():
            text = _("No members: an empty group covers nothing, and a whitelist of it lets nobody in.")
            said.append(("warning", text))
        using = using_exceptions(request, obj)
        if using:
            text = _("Used by %(names)s: it cannot be deleted.") % {"names": quoted(using)}
            said.append(("info", text))
        if not self.has_change_permission(request, obj):
            said.append(("info", _("This group is an Admin's: everybody may use it, and only an Admin edits it.")))
        return said

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """On to the page where members are chosen, which had to wait for the category."""
        if "_addanother" in request.POST or IS_POPUP_VAR in request.POST:
            return super().response_add(request, obj, post_url_continue)
        text = _("The group “%(name)s” is there. Now add its members.") % {"name": obj}
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(self.address("members", obj))

    def members_page(self, request: HttpRequest, group: ExceptionGroup) -> HttpResponse:
        changes = self.has_change_permission(request, group)
        context: dict[str, Any] = {}
        if request.method == "POST":
            if not changes:
                raise PermissionDenied
            answer = self._change_members(request, group)
            if isinstance(answer, HttpResponse):
                return answer
            context = answer
        forms_ = self._forms(request, group) | context if changes else {}
        listing = members.members_listing(request, group, removable=changes)
        media = self.media + (forms_["choose"].media if changes else forms.Media())
        context = {
            "listing": listing,
            "media": media,
            "notices": self.notices(request, group),
            **forms_,
        }
        return self.page_of(request, group, "admin/group_members.html", context, at="members")

    def _forms(self, request: HttpRequest, group: ExceptionGroup) -> dict[str, Any]:
        return {"choose": members.ChooseForm(request, group), "paste": members.PasteForm(group)}

    def _change_members(self, request: HttpRequest, group: ExceptionGroup) -> HttpResponse | dict[str, Any]:
        """Does what was asked, and leads back; or what to show in the page instead."""
        match request.POST.get("do"):
            case "choose":
                form = members.ChooseForm(request, group, request.POST)
                if not form.is_valid():
                    return {"choose": form}
                pks = [row.pk for row in form.cleaned_data["chosen"]]
                return self._added(request, group, len(pks), add=pks)
            case "paste":
                return self._paste(request, group)
            case "remove":
                return self._remove(request, group)
        return HttpResponseRedirect(request.get_full_path())

    def _paste(self, request: HttpRequest, group: ExceptionGroup) -> HttpResponse | dict[str, Any]:
        """All lines or none; those that are understood, once that was asked for. Nothing of the text is lost."""
        form = members.PasteForm(group, request.POST)
        if not form.is_valid():
            return {"paste": form, "paste_open": True}
        found = understand(form.cleaned_data["lines"], group, scope_of_request(request))
        if found.problems and not (found.known and "known_only" in request.POST):
            return {"paste": form, "paste_open": True, "found": found}
        try:
            answer = self._added(request, group, found.known, add=found.ids, add_auth_ids=found.auth_ids)
        except ValidationError as error:
            form.add_error("lines", error.messages)
            return {"paste": form, "paste_open": True}
        if not found.problems:
            return answer
        left = members.PasteForm(group, initial={"lines": found.left})
        return {"paste": left, "paste_open": True, "left": len(found.problems)}

    def _added(self, request: HttpRequest, group: ExceptionGroup, given: int, **what: Any) -> HttpResponse:
        done = change_members(group, scope=scope_of_request(request), **what)
        self.message_user(request, _told(done, given), messages.SUCCESS)
        return HttpResponseRedirect(self.address("members", group))

    def _remove(self, request: HttpRequest, group: ExceptionGroup) -> HttpResponse:
        everything = "all" in request.POST
        rows = [request.POST["only"]] if "only" in request.POST else request.POST.getlist("row")
        chosen = [int(row) for row in rows if row.isdecimal() and len(row) < 19]
        if not everything and not chosen:
            self.message_user(request, _("Choose the members to remove first."), messages.WARNING)
            return HttpResponseRedirect(request.get_full_path())
        if request.POST.get("confirmed") != "yes":
            return self._ask_to_remove(request, group, [] if everything else chosen)
        gone: dict[str, Any] = {"clear": True} if everything else {"remove": [handle(row) for row in chosen]}
        done = change_members(group, scope=scope_of_request(request), **gone)
        text = ngettext("%(number)d member removed.", "%(number)d members removed.", done.removed)
        self.message_user(request, text % {"number": done.removed}, messages.SUCCESS)
        return HttpResponseRedirect(self.address("members", group))

    def _ask_to_remove(self, request: HttpRequest, group: ExceptionGroup, chosen: list[int]) -> HttpResponse:
        """chosen: rows of the members; none: all."""
        listing = members.members_listing(request, group, removable=False)
        listing.per_page = NAMED
        listing.rows = listing.rows.filter(pk__in=chosen) if chosen else listing.rows.none()
        number = len(chosen) or group.members.count()
        lines = [
            ngettext("%(number)s member leaves “%(name)s”.", "%(number)s members leave “%(name)s”.", number)
            % {"number": f"{number:,}", "name": group}
        ]
        named = [str(row.cells[0].value) for row in listing]
        if named:
            lines.append(", ".join(named) + (" …" if number > len(named) else ""))
        if number >= group.members.count():
            lines.append(_("The group is then empty: it covers nothing, and a whitelist of it lets nobody in."))
        using = using_exceptions(request, group)
        if using:
            lines.append(_("It takes effect at once in %(names)s.") % {"names": quoted(using)})
        else:
            lines.append(_("No exception that you see uses the group."))
        return self.confirmation(
            request,
            group,
            title=_("Remove members?"),
            lines=lines,
            button=_("Remove all") if not chosen else _("Remove"),
            at="members",
            danger=True,
            fields={"do": ["remove"], "row": chosen, "all": [] if chosen else ["yes"]},
        )

    def where_used_page(self, request: HttpRequest, group: ExceptionGroup) -> HttpResponse:
        listing = listing_of(
            request,
            _using(request, group),
            empty=_("No exception uses this group yet, so it changes nothing."),
        )
        return self.page_of(request, group, "admin/listings.html", {"listings": [listing]}, at="where-used")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Members by their number: Django would list all 100,000, each with a link."""
        protected = [str(name) for group in objs for name in using_exceptions(request, group)]
        number = GroupMember.objects.filter(group__in=[group.pk for group in objs]).count()
        counts = {"exception groups": len(objs), "members": number}
        return [str(group) for group in objs], counts, set(), protected


NAMED = 10


def _using(request: HttpRequest, group: ExceptionGroup) -> Any:
    side = "cpo_groups" if group.side == "cpo" else "emsp_groups"
    return visible_to(scope_of_request(request), ChargeException.objects.filter(**{side: group}))


def using_exceptions(request: HttpRequest, group: ExceptionGroup) -> list[ChargeException]:
    """A few exceptions that use this group, of those that the user may see."""
    return list(_using(request, group).order_by("name", "pk")[:4])


def _told(done: MembersChanged, given: int) -> str:
    text = ngettext("%(number)d member added.", "%(number)d members added.", done.added) % {"number": done.added}
    there = given - done.added
    if there > 0:
        already = ngettext("%(number)d was one already.", "%(number)d were members already.", there)
        text += " " + already % {"number": there}
    return text
