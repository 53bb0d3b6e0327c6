"""The page of a role: what its users may do, as a table of kinds of objects by what can be done to them."""

from typing import Any

from django import forms
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from locations.admin_base import ScopedAdmin, display
from portal import roles

# Django's groups are roles here; groups are something else.
Group._meta.verbose_name, Group._meta.verbose_name_plural = gettext_lazy("role"), gettext_lazy("roles")
User._meta.get_field("groups").verbose_name = gettext_lazy("roles")

ACTIONS: dict[str, Any] = {
    "view": gettext_lazy("See"),
    "add": gettext_lazy("Add"),
    "change": gettext_lazy("Change"),
}
READS_PRESENTED = gettext_lazy("Read the ids of unknown charge tokens, for the days that they are kept")


def codes_of(role: Group | None) -> set[str]:
    """What the role allows, as "app.codename"."""
    if role is None or role.pk is None:
        return set()
    rows = role.permissions.values_list("content_type__app_label", "codename")
    return {f"{app}.{code}" for app, code in rows}


def table(chosen: set[str], name: str = "") -> SafeString:
    """The table, with boxes to tick where there is a name for them."""
    rows = []
    for (app, model), actions in roles.offered().items():
        kind = str(apps.get_model(app, model)._meta.verbose_name_plural)
        cells = []
        for action, title in ACTIONS.items():
            code = f"{app}.{action}_{model}"
            label = f"{title}: {kind}"
            cells.append({"code": code, "label": label, "there": action in actions, "on": code in chosen})
        rows.append((kind if kind.startswith("eMSP") else capfirst(kind), cells))
    more = {"code": roles.READ_PRESENTED, "label": READS_PRESENTED, "on": roles.READ_PRESENTED in chosen}
    context = {"name": name, "titles": ACTIONS.values(), "rows": rows, "more": more}
    return render_to_string("admin/permission_table.html", context)


class Table(forms.CheckboxSelectMultiple):
    """The table, to tick."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return table(set(value or ()), name)


def _choices() -> list[tuple[str, str]]:
    codes = [f"{app}.{action}_{model}" for (app, model), actions in roles.offered().items() for action in actions]
    return [(code, code) for code in (*codes, roles.READ_PRESENTED)]


class RoleForm(forms.ModelForm):  # type: ignore[type-arg]
    """A role of an Admin's own making."""

    allows = forms.MultipleChoiceField(choices=_choices, required=False, widget=Table, label=gettext_lazy("Allows"))

    class Meta:
        model = Group
        fields = ("name",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("allows", sorted(codes_of(self.instance)))


class RoleAdmin(ScopedAdmin):
    admins_only = True
    form = RoleForm
    search_fields = ("name",)
    ordering = ("name",)
    empty = gettext_lazy("Roles say what users may do.")
    list_display = ("name", "kept", "users")
    readonly_fields = ("allowed", "users")

    def get_fieldsets(self, request: HttpRequest, obj: Group | None = None) -> Any:
        if obj is None:
            return ((None, {"fields": ("name", "allows")}),)
        return ((None, {"fields": ("name", "allowed" if obj.name in roles.BUILT_IN else "allows", "users")}),)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        built_in = obj is not None and obj.name in roles.BUILT_IN
        return not built_in and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        built_in = obj is not None and obj.name in roles.BUILT_IN
        return not built_in and super().has_delete_permission(request, obj)

    def notices(self, request: HttpRequest, obj: Group) -> list[tuple[str, str]]:
        which = _("Which CPOs and eMSPs that holds for, each user's page says. Only an Admin deletes.")
        if obj.name == roles.ADMIN:
            return [("info", _("Built in: an Admin sees, changes and deletes everything."))]
        if obj.name in roles.BUILT_IN:
            return [("info", _("Built in: every update of Chargeward keeps it as it is here.") + " " + which)]
        return [("info", which)]

    @display(description=gettext_lazy("Kind"), label={"built in": "info", "own": "default"})
    def kept(self, role: Group) -> tuple[str, str]:
        return ("built in", _("built in")) if role.name in roles.BUILT_IN else ("own", _("made here"))

    @display(description=gettext_lazy("Users"))
    def users(self, role: Group) -> str:
        number = User.objects.filter(groups=role).count()
        text = ngettext("%(number)s user", "%(number)s users", number) % {"number": number}
        link = reverse("admin:auth_user_changelist")
        return format_html('<a class="cw-link" href="{}?groups__id__exact={}">{}</a>', link, role.pk, text)

    @display(description=gettext_lazy("Allows"))
    def allowed(self, role: Group) -> str:
        return _("everything") if role.name == roles.ADMIN else table(codes_of(role))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if "allows" in form.cleaned_data:
            offered, chosen = dict(_choices()), set(form.cleaned_data["allows"])
            # What the table does not show, a program has given: it stays.
            wanted = chosen | {code for code in codes_of(form.instance) if code not in offered}
            rows = Permission.objects.filter(codename__in={code.partition(".")[2] for code in wanted})
            held = [row for row in rows.select_related("content_type") if _code(row) in wanted]
            form.instance.permissions.set(held)


def _code(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"
