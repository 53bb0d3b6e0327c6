"""Exception groups: the category is chosen once, members come and go."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IS_POPUP_VAR
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from authorization.models import ChargeException, ExceptionGroup, GroupMember
from locations.access import scope_of_request
from locations.admin_base import AddAndRemoveInline, ScopedAdmin, display
from locations.admin_scope import may_name

ALREADY = "is already a member."
may_name(GroupMember, *ExceptionGroup.Category.values)


def _inline(category: str) -> type[AddAndRemoveInline]:
    label = ExceptionGroup.Category(category).label
    attributes: dict[str, Any] = {
        "model": GroupMember,
        "fields": (category,),
        "autocomplete_fields": (category,),
        "verbose_name": f"member of {label}",
        "verbose_name_plural": f"members ({label})",
        "get_queryset": lambda self, request: AddAndRemoveInline.get_queryset(self, request).select_related(category),
    }
    return type(f"{category.title()}MemberInline", (AddAndRemoveInline,), attributes)


INLINES = {category: _inline(category) for category in ExceptionGroup.Category.values}


@admin.register(ExceptionGroup)
class ExceptionGroupAdmin(ScopedAdmin):
    fixed = ("owner_cpo", "owner_emsp")
    list_display = ("name", "side_label", "category_label", "owner")
    list_select_related = ("owner_cpo", "owner_emsp")
    list_filter = (("category", ChoicesDropdownFilter),)
    search_fields = ("name",)
    search_help_text = "Name"
    autocomplete_fields = ("owner_cpo", "owner_emsp")
    fieldsets = (
        (None, {"fields": ("name", "category", "notes")}),
        ("Owner", {"fields": (("owner_cpo", "owner_emsp"),), "description": "Without an owner: everyone may use it."}),
    )
    history_parts = ((GroupMember, "group"),)
    refusals = {
        "group_category_never_changes": (None, None),
        "group_member_auth_id_is_unique": (None, f"A charge token with this Auth ID {ALREADY}"),
        **{
            f"group_member_{category}_is_unique": (None, f"This {category.replace('cpo', 'CPO')} {ALREADY}")
            for category in ExceptionGroup.Category.values
        },
    }

    @display(description="Side", label={"CPO side": "info", "eMSP side": "primary"})
    def side_label(self, group: ExceptionGroup) -> str:
        return "CPO side" if group.side == "cpo" else "eMSP side"

    @display(description="Members are", ordering="category")
    def category_label(self, group: ExceptionGroup) -> str:
        return group.get_category_display()

    @display(description="Owner")
    def owner(self, group: ExceptionGroup) -> str:
        return str(group.owner_cpo or group.owner_emsp or "everyone may use it")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*super().get_readonly_fields(request, obj), *(("category",) if obj is not None else ()))

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        return [INLINES[obj.category]] if obj is not None and scope_of_request(request).everything else []

    def notices(self, request: HttpRequest, obj: ExceptionGroup) -> list[tuple[str, str]]:
        said = []
        if not obj.members.exists():
            said.append(("warning", "No members: an empty group covers nothing, and a whitelist of it lets nobody in."))
        users = _used_by(obj)
        if users:
            names = ", ".join(f"“{name}”" for name in users[:3]) + (" and others" if len(users) > 3 else "")
            said.append(("info", f"Used by {names}: it cannot be deleted."))
        return said

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """On to the page where members are chosen, which had to wait for the category."""
        if "_addanother" not in request.POST and IS_POPUP_VAR not in request.POST:
            posted: Any = request.POST.copy()
            posted["_continue"] = "1"
            request.POST = posted
        return super().response_add(request, obj, post_url_continue)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Members by their number: Django would list all 100,000, each with a link."""
        protected = [str(name) for group in objs for name in _used_by(group)]
        number = GroupMember.objects.filter(group__in=[group.pk for group in objs]).count()
        counts = {"exception groups": len(objs), "members": number}
        return [str(group) for group in objs], counts, set(), protected


def _used_by(group: ExceptionGroup) -> list[str]:
    """Names of a few exceptions that use this group."""
    side = "cpo_groups" if group.side == "cpo" else "emsp_groups"
    return list(ChargeException.objects.filter(**{side: group}).values_list("name", flat=True)[:4])
