"""Administration: users, roles and schedules, in the dress and with the rules of the other pages."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.utils.html import format_html_join
from django_celery_beat import admin as beat_admin
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from guardian.models import GroupObjectPermission
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from authorization.models import ApiKey
from locations import access
from locations.admin_base import ScopedAdmin, ShownInline
from locations.admin_widgets import SearchSeveral
from locations.models import CPO
from tokens.access import MANAGE_EMSP
from tokens.models import EMSP, Customer

for model in (User, Group, PeriodicTask, ClockedSchedule, CrontabSchedule, IntervalSchedule, SolarSchedule):
    admin.site.unregister(model)


# By the form's field: the permission that a grant is, and of what.
GRANTS: dict[str, tuple[str, Any]] = {"cpos": (access.MANAGE_CPO, CPO), "emsps": (MANAGE_EMSP, EMSP)}


def grants(permissions: Any) -> str:
    """The parties of guardian's rows, one a line, for a read-only field."""
    rows = permissions.select_related("permission", "content_type").order_by("content_type", "object_pk")[:100]
    lines = ((f"{row.permission.name}: {row.content_object or 'removed since'}",) for row in rows)
    return (
        format_html_join("", "<div>{}</div>", lines)
        or "None yet. Grant a CPO or an eMSP on its page, under “Object permissions”."
    )


def _parties(model: Any, source: Any) -> Any:
    """Any number of parties, found by typing; `source` is a foreign key to them, which the search goes by."""
    widget = SearchSeveral(source, admin.site, attrs={"style": "width: 100%"})
    label = f"{model._meta.verbose_name_plural}"
    return forms.ModelMultipleChoiceField(model._default_manager.all(), required=False, label=label, widget=widget)


class AccessForm(UserChangeForm):  # type: ignore[misc]
    """A user, and the parties that are granted."""

    cpos = _parties(CPO, ApiKey._meta.get_field("cpo"))
    emsps = _parties(EMSP, Customer._meta.get_field("emsp"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            for field, (permission, model) in GRANTS.items():
                held = access.grants((permission, model)).filter(user=self.instance)
                self.initial.setdefault(field, [int(pk) for pk in held.values_list("object_pk", flat=True)])


@admin.register(User)
class UserAdmin(auth_admin.UserAdmin, ScopedAdmin):  # type: ignore[misc, type-arg]
    admins_only = True
    form = AccessForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "first_name", "last_name", "is_staff", "is_superuser", "is_active")
    list_filter = tuple((name, BooleanRadioFilter) for name in ("is_staff", "is_superuser", "is_active"))
    autocomplete_fields = ("groups",)
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": (("first_name", "last_name"), "email")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        (
            "Manages",
            {
                "fields": ("cpos", "emsps"),
                "description": "What the roles allow holds for these parties. A CPO brings its sub-CPOs.",
            },
        ),
        ("Dates", {"fields": (("last_login", "date_joined"),)}),
    )

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        for field, (permission, model) in GRANTS.items():
            if field in form.cleaned_data:
                access.set_grants(form.instance, permission, model, [party.pk for party in form.cleaned_data[field]])


@admin.register(Group)
class RoleAdmin(ScopedAdmin):
    admins_only = True
    search_fields = ("name",)
    ordering = ("name",)
    readonly_fields = ("granted",)
    fieldsets = ((None, {"fields": ("name", "granted")}),)

    @admin.display(description="Manages")
    def granted(self, group: Group) -> str:
        return grants(GroupObjectPermission.objects.filter(group=group))


class TaskWidget(beat_admin.TaskSelectWidget, UnfoldAdminSelectWidget):  # type: ignore[misc]
    """The tasks that Celery knows, in the dress of the other selects."""


class TaskForm(beat_admin.PeriodicTaskForm):  # type: ignore[misc]
    """django-celery-beat's form in the same dress."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskWidget()

    def clean(self) -> Any:
        # Theirs reads data["task"] although a task too long has already been refused and is not there.
        self.cleaned_data.setdefault("task", "")
        return super().clean()


@admin.register(PeriodicTask)
class ScheduleAdmin(ScopedAdmin, beat_admin.PeriodicTaskAdmin):  # type: ignore[misc]
    admins_only = True
    form = TaskForm
    date_hierarchy = None
    change_form_template = None
    list_display = ("name", "enabled", "scheduler", "last_run_at", "total_run_count")
    list_filter = (("enabled", BooleanRadioFilter),)
    fieldsets = tuple(
        (title, {"fields": options["fields"]}) for title, options in beat_admin.PeriodicTaskAdmin.fieldsets
    )

    def crontab_translation(self, obj: PeriodicTask) -> str:
        # Theirs fails without a crontab.
        return str(obj.crontab.human_readable) if obj.crontab else "–"


class TasksInline(ShownInline):
    model = PeriodicTask
    fields = ("name", "task", "enabled")
    ordering = ("name",)
    verbose_name_plural = "tasks of this schedule"


@admin.register(ClockedSchedule, SolarSchedule, IntervalSchedule)
class TimesAdmin(ScopedAdmin):
    admins_only = True
    inlines = (TasksInline,)


@admin.register(CrontabSchedule)
class CrontabAdmin(TimesAdmin):
    list_display = ("__str__", "human_readable")
    readonly_fields = ("human_readable",)
