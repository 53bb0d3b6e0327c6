"""Administration: users, roles and schedules, in the dress and with the rules of the other pages."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_beat import admin as beat_admin
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.forms import AdminPasswordChangeForm, UserChangeForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from authorization.models import ApiKey
from locations import access
from locations.admin_base import ScopedAdmin, ShownInline, display
from locations.admin_widgets import SearchSeveral
from locations.models import CPO
from portal.admin_roles import RoleAdmin
from portal.login.admin_users import GettingIn, InvitingForm
from tokens.access import MANAGE_EMSP
from tokens.models import EMSP, Customer

for model in (User, Group, PeriodicTask, ClockedSchedule, CrontabSchedule, IntervalSchedule, SolarSchedule):
    admin.site.unregister(model)
admin.site.register(Group, RoleAdmin)
# As the left bar calls them.
PeriodicTask._meta.verbose_name = gettext_lazy("schedule")
PeriodicTask._meta.verbose_name_plural = gettext_lazy("schedules")


# By the form's field: the permission that a grant is, and of what.
GRANTS: dict[str, tuple[str, Any]] = {"cpos": (access.MANAGE_CPO, CPO), "emsps": (MANAGE_EMSP, EMSP)}


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


class NewUserForm(InvitingForm):
    """A new user, with role and parties at once."""

    cpos = _parties(CPO, ApiKey._meta.get_field("cpo"))
    emsps = _parties(EMSP, Customer._meta.get_field("emsp"))


MANAGES: Any = (
    gettext_lazy("May do what, and for whom"),
    {
        "fields": ("groups", "cpos", "emsps"),
        "description": gettext_lazy(
            "What the roles allow holds for these CPOs, with their sub-CPOs, and for these eMSPs. "
            "An Admin needs none: the role Admin is for everything."
        ),
    },
)


@admin.register(User)
class UserAdmin(auth_admin.UserAdmin, GettingIn):  # type: ignore[misc, type-arg]
    admins_only = True
    form = AccessForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    empty = gettext_lazy("People and programs that use the portal.")
    list_display = ("username", "email", "first_name", "last_name", "roles", "is_active", "last_login")
    list_filter = (("is_active", BooleanRadioFilter), "groups")
    autocomplete_fields = ("groups",)
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("username", "password", "is_active")}),
        (gettext_lazy("Person"), {"fields": (("first_name", "last_name"), "email")}),
        MANAGES,
        (gettext_lazy("More"), {"fields": ("is_superuser", ("last_login", "date_joined"))}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("username", "email", "usable_password", "password1", "password2")}),
        MANAGES,
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        if field is not None and db_field.name == "groups":
            field.label, field.help_text = _("Roles"), ""
        return field

    @display(description=gettext_lazy("Roles"))
    def roles(self, user: User) -> str:
        names = [group.name for group in user.groups.all()]
        return ", ".join([*([_("superuser")] if user.is_superuser else []), *names]) or _("none")

    def notices(self, request: HttpRequest, obj: User) -> list[tuple[str, str]]:
        return [*super().notices(request, obj), *_told(obj)]

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        # Whoever is a user here may sign in here; what they then see, roles and grants say.
        obj.is_staff = True
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        for field, (permission, model) in GRANTS.items():
            if field in form.cleaned_data:
                access.set_grants(form.instance, permission, model, [party.pk for party in form.cleaned_data[field]])


def _told(user: User) -> list[tuple[str, str]]:
    """What the user may do, in a sentence; and what does not fit together."""
    names = [group.name for group in user.groups.all()]
    if access.is_admin(user):
        return [("info", _("An Admin: sees and changes everything."))]
    if not user.is_active:
        return [("warning", _("Not active: cannot sign in, and their API keys are refused."))]
    held = {
        str(model._meta.verbose_name): access.grants((permission, model)).filter(user=user).count()
        for permission, model in GRANTS.values()
    }
    some = [f"{number} {kind}{'s' if number != 1 else ''}" for kind, number in held.items() if number]
    if not names and not some:
        return [("warning", _("No role and no CPO or eMSP yet: sees nothing."))]
    if not some:
        return [("warning", _("Has a role, but for no CPO or eMSP: sees nothing."))]
    if not names:
        return [("warning", _("Manages %(parties)s, but has no role: may do nothing.") % {"parties": " + ".join(some)})]
    parties = {"roles": ", ".join(names), "parties": " + ".join(some)}
    return [("info", _("%(roles)s, for %(parties)s.") % parties)]


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
    empty = gettext_lazy("Jobs that the portal does by itself.")
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
    empty = gettext_lazy("Times at which jobs are done, for schedules to use.")
    inlines = (TasksInline,)


@admin.register(CrontabSchedule)
class CrontabAdmin(TimesAdmin):
    list_display = ("__str__", "human_readable")
    readonly_fields = ("human_readable",)
