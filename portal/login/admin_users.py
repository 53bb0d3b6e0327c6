"""What a user's page can do about getting in: an invitation by e-mail, and removing a second factor that is lost."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.forms import UserCreationForm
from unfold.widgets import UnfoldAdminRadioSelectWidget

from locations.admin_base import ScopedAdmin
from locations.admin_pages import Button, ObjectPage
from portal.login import log, second_factor
from portal.login.letters import can_be_invited
from portal.login.models import Outcome
from portal.login.views import invite

INVITED, NO_PASSWORD = "invite", "false"
WAYS = {
    "true": gettext_lazy("With the password below"),
    INVITED: gettext_lazy("With a password of their own choice: send an invitation by e-mail"),
    NO_PASSWORD: gettext_lazy("Not at all: a program, which comes with an API key of this user"),
}


class InvitingForm(UserCreationForm):  # type: ignore[misc]
    """A new user, who gets a password here, chooses one by e-mail, or has none."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["usable_password"]
        field.label, field.help_text = gettext_lazy("Logs in"), ""
        field.choices = list(WAYS.items())
        field.widget = UnfoldAdminRadioSelectWidget(choices=field.choices)
        self.invited = False

    def validate_passwords(self, *args: Any, **kwargs: Any) -> None:
        # Django's knows "false" alone; an invited user has no password either until there is an own one.
        self.invited = self.cleaned_data.get("usable_password") == INVITED
        if self.invited:
            self.cleaned_data["usable_password"] = NO_PASSWORD
            if not self.cleaned_data.get("email"):
                self.add_error("email", ValidationError(_("Where should the invitation go?")))
        super().validate_passwords(*args, **kwargs)


class GettingIn(ScopedAdmin):
    """Mixed into the pages of users."""

    object_pages = (
        *ScopedAdmin.object_pages,
        ObjectPage("invite", changes=True),
        ObjectPage("remove-second-factor", changes=True),
    )

    def buttons(self, request: HttpRequest, obj: User) -> list[Button]:
        found = super().buttons(request, obj)
        if not self.has_change_permission(request, obj):
            return found
        if can_be_invited(obj):
            found.append(Button(_("Invite by e-mail"), self.address("invite", obj)))
        if second_factor.has_one(obj):
            found.append(Button(_("Remove second factor"), self.address("remove-second-factor", obj), danger=True))
        return found

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if getattr(form, "invited", False):
            # The worker must find the user.
            transaction.on_commit(lambda: self._invite(request, form.instance))

    def _invite(self, request: HttpRequest, user: User) -> None:
        if invite(request, user):
            said = _("An invitation is on its way to %(email)s.") % {"email": user.email}
            self.message_user(request, said, messages.SUCCESS)
        else:
            said = _("The invitation cannot be sent just now. Send it again from this page later.")
            self.message_user(request, said, messages.ERROR)

    def invite_page(self, request: HttpRequest, obj: User) -> HttpResponse:
        if not can_be_invited(obj):
            said = _("Invited are active users with an e-mail address and no password yet.")
            self.message_user(request, said, messages.ERROR)
            return HttpResponseRedirect(self.address("change", obj))
        if request.POST.get("confirmed") != "yes":
            lines = [
                _("A link goes to %(email)s, by which a password can be chosen once, within seven days.")
                % {"email": obj.email},
            ]
            title = _("Invite %(user)s?") % {"user": obj}
            return self.confirmation(request, obj, title=title, lines=lines, button=_("Send the invitation"))
        self._invite(request, obj)
        return HttpResponseRedirect(self.address("change", obj))

    def remove_second_factor_page(self, request: HttpRequest, obj: User) -> HttpResponse:
        if request.POST.get("confirmed") != "yes":
            lines = [
                _("The app and the recovery codes of %(user)s are forgotten, and every browser is logged out.")
                % {"user": obj},
                _("Make sure that it is %(user)s who asks: until another app is set up, the password alone lets in.")
                % {"user": obj},
            ]
            title = _("Remove the second factor of %(user)s?") % {"user": obj}
            return self.confirmation(request, obj, title=title, lines=lines, button=_("Remove"), danger=True)
        second_factor.remove(obj)
        log.note(request, Outcome.OFF, obj, by=request.user)
        self.message_user(request, _("%(user)s has no second factor now.") % {"user": obj}, messages.SUCCESS)
        return HttpResponseRedirect(self.address("change", obj))
