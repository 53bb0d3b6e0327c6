"""A subscription's pages about push: where to, how it goes, what was told; and what is done about it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from locations.admin_base import ScopedAdmin
from locations.admin_format import instant
from locations.admin_listing import Column, Listing
from locations.admin_pages import Button, ObjectPage
from subscriptions.models import Delivery, Module, PartnerAccess, Subscription
from subscriptions.push import endpoints, registration
from subscriptions.push.discovery import Unusable
from subscriptions.push.endpoints import Tested
from subscriptions.push.standing import STATES, standing
from subscriptions.services import MAX_TOKEN

NAMES: dict[str, Any] = {
    Module.LOCATIONS: gettext_lazy("locations"),
    Module.TOKENS: gettext_lazy("charge tokens"),
    Module.SESSIONS: gettext_lazy("sessions"),
    Module.CDRS: gettext_lazy("CDRs"),
    Module.NOTIFICATIONS: gettext_lazy("charge station notifications"),
}
COLOURS = {"on": "success", "failing": "danger", "off": "danger", "paused": "warning"}
DELIVERY_COLOURS = {"waiting": "info", "delivered": "success", "parked": "danger"}
MOST_CHOSEN = 1000


class PushForm(forms.Form):
    """Where each module is pushed to, and what we authenticate with."""

    def __init__(self, subscription: Subscription, *args: Any) -> None:
        super().__init__(*args)
        found = {row.module: row.url for row in subscription.endpoints.all()}
        for module, name in NAMES.items():
            field = forms.CharField(
                label=capfirst(name), required=False, max_length=endpoints.MAX_URL, initial=found.get(module, ""),
                widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "https://", "inputmode": "url"}),
            )  # fmt: skip
            if module not in subscription.modules:
                field.help_text = _("This module is not enabled: nothing of it is pushed.")
            self.fields[module] = field
        known = hasattr(subscription, "access") and subscription.access.token_sealed
        self.fields["token"] = forms.CharField(
            label=_("Token to send"), required=False, max_length=MAX_TOKEN, strip=True,
            widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
            help_text=_("One is kept, and never shown. Leave this empty to go on with it.")
            if known
            else _("The partner gives it to you; it is kept sealed, and never shown."),
        )  # fmt: skip

    def urls(self) -> dict[str, str]:
        return {module: self.cleaned_data[module] for module in NAMES}


def _check_url(url: str) -> None:
    endpoints.check_url(url)


def _check_token(text: str) -> None:
    endpoints.check_token(text)


class RegisterForm(forms.Form):
    """What a partner gave us: where its versions are, and a token to begin with (OCPI's A)."""

    url = forms.CharField(
        label=gettext_lazy("Address of its versions"), max_length=endpoints.MAX_URL, validators=[_check_url],
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "https://", "inputmode": "url"}),
    )  # fmt: skip
    token = forms.CharField(
        label=gettext_lazy("Token A"), max_length=MAX_TOKEN, validators=[_check_token],
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Used once: the two platforms exchange others with it."),
    )  # fmt: skip


# By OCPI's code for what does not do.
UNUSABLE: dict[int, Any] = {
    3001: gettext_lazy("The partner's platform could not be asked, or refused: %(why)s"),
    3002: gettext_lazy("The partner's platform does not speak OCPI 2.1.1 or 2.2.1."),
    3003: gettext_lazy("The partner's platform has no credentials, or none of the modules that are enabled here."),
}


class PushPages(ScopedAdmin):
    object_pages: tuple[ObjectPage, ...] = (
        ObjectPage("push", gettext_lazy("Push"), changes=True),
        ObjectPage("register", gettext_lazy("Registration"), changes=True, whole=False),
        ObjectPage("deliveries", gettext_lazy("Deliveries")),
        ObjectPage("secret", changes=True),
        ObjectPage("test", changes=True),
        ObjectPage("pause", changes=True),
        ObjectPage("resume", changes=True),
        ObjectPage("resend", changes=True),
    )

    def buttons(self, request: HttpRequest, obj: Subscription) -> list[Button]:
        found = super().buttons(request, obj)
        if not self.has_change_permission(request, obj):
            return found
        if obj.endpoints.exists():
            found.append(Button(_("Test"), self.address("test", obj)))
            found.append(Button(_("New signing secret"), self.address("secret", obj)))
        if obj.enabled:
            found.append(Button(_("Pause"), self.address("pause", obj), danger=True))
        else:
            found.append(Button(_("Resume"), self.address("resume", obj)))
        return found

    def push_page(self, request: HttpRequest, obj: Subscription) -> HttpResponse:
        form = PushForm(obj, request.POST or None)
        if request.method == "POST" and form.is_valid():
            locked = Subscription.objects.select_for_update(no_key=True).get(pk=obj.pk)
            try:
                with transaction.atomic():
                    secret = endpoints.set_up(locked, form.urls(), form.cleaned_data["token"])
            except ValidationError as error:
                form.add_error(None, error)
            else:
                if secret:
                    return self._secret_shown(request, obj, secret)
                messages.success(request, _("Saved."))
                return HttpResponseRedirect(self.address("push", obj))
        context = {"form": form, "listings": [_standing(request, obj)] if obj.endpoints.exists() else []}
        return self.page_of(request, obj, "admin/push.html", context, at="push")

    def register_page(self, request: HttpRequest, obj: Subscription) -> HttpResponse:
        """Begins OCPI's `credentials` with the partner's versions and its token A, and says what came of it."""
        form = RegisterForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            own = request.build_absolute_uri("/ocpi/versions/")
            try:
                registration.register(obj, form.cleaned_data["url"], form.cleaned_data["token"], own)
            except ValidationError as error:
                form.add_error(None, error)
            except Unusable as error:
                form.add_error(None, UNUSABLE[error.code] % {"why": error.why})
            else:
                messages.success(request, _("%(for)s and the portal are registered with each other.") % {"for": obj})
                return HttpResponseRedirect(self.address("push", obj))
        access = PartnerAccess.objects.filter(subscription=obj, registered_at__isnull=False).first()
        return self.page_of(request, obj, "admin/register.html", {"form": form, "access": access}, at="register")

    def _secret_shown(self, request: HttpRequest, obj: Subscription, text: str) -> HttpResponse:
        context = {"key": obj, "text": text, "leads_to": self.address("push", obj)}
        title = _("Signing secret for %(for)s") % {"for": obj}
        return self.page_of(request, obj, "admin/signing_secret.html", context, title=title)

    def secret_page(self, request: HttpRequest, obj: Subscription) -> HttpResponse:
        if request.POST.get("confirmed") != "yes":
            lines = [
                _("What is pushed is signed with another secret, which is shown once."),
                _("For a day the one before signs beside it, so that the partner can change over."),
            ]
            title = _("New signing secret for %(for)s?") % {"for": obj}
            return self.confirmation(request, obj, title=title, lines=lines, button=_("New signing secret"), at="push")
        return self._secret_shown(request, obj, endpoints.new_secret(obj, timezone.now()))

    def test_page(self, request: HttpRequest, obj: Subscription) -> HttpResponse:
        if request.POST.get("confirmed") != "yes":
            lines = [
                _("Each endpoint is asked with a GET, with the token and signed as what is pushed."),
                _("Nothing changes at the partner's. This takes a few seconds."),
            ]
            title = _("Test the endpoints of %(for)s?") % {"for": obj}
            return self.confirmation(request, obj, title=title, lines=lines, button=_("Test"), at="push")
        listing = _tested(request, endpoints.try_out(obj))
        title = _("Answers of %(for)s") % {"for": obj}
        return self.page_of(request, obj, "admin/listings.html", {"listings": [listing]}, at="push", title=title)

    def pause_page(self, request: HttpRequest, obj: Subscription) -> HttpResponse:
        if request.POST.get("confirmed") != "yes":
            lines = [
                _("The partner is refused, and sent nothing, until it is resumed."),
                _("What changes meanwhile is kept for it."),
            ]
            title = _("Pause %(for)s?") % {"for": obj}
            return self.confirmation(request, obj, title=title, lines=lines, button=_("Pause"), danger=True)
        endpoints.pause(obj)
        messages.success(request, _("%(for)s is paused.") % {"for": obj})
        return HttpResponseRedirect(self.address("push", obj))

    def resume_page(self, request: HttpRequest, obj: Subscription) -> HttpResponse:
        if request.POST.get("confirmed") != "yes":
            lines = [
                _("The partner is let in again, and sent what has changed meanwhile."),
                _("An endpoint that was switched off, because the partner answered 410, is on again."),
            ]
            title = _("Resume %(for)s?") % {"for": obj}
            return self.confirmation(request, obj, title=title, lines=lines, button=_("Resume"))
        endpoints.resume(obj)
        messages.success(request, _("%(for)s is in force.") % {"for": obj})
        return HttpResponseRedirect(self.address("push", obj))

    def deliveries_page(self, request: HttpRequest, obj: Subscription) -> HttpResponse:
        state = request.GET.get("state", "")
        rows = Delivery.objects.filter(endpoint__subscription=obj).select_related("endpoint").order_by("-since", "-pk")
        if state in Delivery.State.values:
            rows = rows.filter(state=state)
        may = self.has_change_permission(request, obj)
        context = {
            "listing": _deliveries(request, rows, select=may, state=state),
            "states": [("", _("all")), *Delivery.State.choices],
            "state": state,
            "resend": self.address("resend", obj) if may else "",
            "parked": Delivery.objects.filter(endpoint__subscription=obj, state="parked").exists(),
        }
        return self.page_of(request, obj, "admin/deliveries.html", context, at="deliveries")

    def resend_page(self, request: HttpRequest, obj: Subscription) -> HttpResponse:
        """Only by POST: those ticked, or all that are parked."""
        chosen = [int(pk) for pk in request.POST.getlist("delivery") if pk.isascii() and pk.isdigit() and len(pk) < 19]
        if request.method == "POST" and "all" in request.POST:
            count = endpoints.resend(obj)
        elif request.method == "POST" and chosen:
            count = endpoints.resend(obj, chosen[:MOST_CHOSEN])
        else:
            messages.warning(request, _("Choose what to send again."))
            return HttpResponseRedirect(self.address("deliveries", obj))
        said = ngettext("%(count)d is sent again.", "%(count)d are sent again.", count) % {"count": count}
        messages.success(request, said)
        return HttpResponseRedirect(self.address("deliveries", obj))


def _when(at: Any) -> str:
    return instant(at) if at is not None else "–"


def _standing(request: HttpRequest, subscription: Subscription) -> Listing:
    columns = [
        Column(_("Module"), lambda row: NAMES[row.endpoint.module]),
        Column(_("State"), lambda row: STATES[row.state], label=lambda row: COLOURS[row.state]),
        Column(_("Waiting"), lambda row: row.waiting),
        Column(_("Parked"), lambda row: row.parked),
        Column(_("Last answer"), lambda row: row.endpoint.answer or "–"),
        Column(_("At (UTC)"), lambda row: _when(row.endpoint.answered_at)),
        Column(_("Next try (UTC)"), lambda row: _when(row.endpoint.next_at)),
    ]
    return Listing(
        request, "endpoints", standing(subscription), columns, "", title=_("How it goes"), key=lambda row: None
    )


def _tested(request: HttpRequest, found: list[Tested]) -> Listing:
    columns = [
        Column(_("Module"), lambda row: NAMES[row.endpoint.module]),
        Column(_("Address"), lambda row: row.endpoint.url),
        Column(
            _("Result"), lambda row: _("reached") if row.reached else _("not reached"),
            label=lambda row: "success" if row.reached else "danger",
        ),
        Column(_("Answer"), lambda row: str(row.answer)),
    ]  # fmt: skip
    return Listing(request, "tested", found, columns, _("There is no endpoint to test."), key=lambda row: None)


def _deliveries(request: HttpRequest, rows: Any, *, select: bool, state: str) -> Listing:
    columns = [
        Column(_("Object"), lambda row: str(row)),
        Column(_("Module"), lambda row: NAMES[row.endpoint.module]),
        Column(_("State"), lambda row: row.get_state_display(), label=lambda row: DELIVERY_COLOURS[row.state]),
        Column(_("Attempts"), lambda row: row.attempts or "–"),
        Column(_("Last answer"), lambda row: row.answer or "–"),
        Column(_("At (UTC)"), lambda row: _when(row.attempted_at)),
        Column(_("Next try (UTC)"), lambda row: _when(row.next_at) if row.state == "waiting" else "–"),
    ]
    return Listing(
        request,
        "deliveries",
        rows,
        columns,
        _("None is in this state.")
        if state
        else _("Nothing was pushed yet, and nothing waits: what changes in the partner's scope comes here."),
        search=lambda found, term: found.filter(named__icontains=term),
        search_label=_("Part of an object's address"),
        select="delivery" if select else "",
        form="resend" if select else "",
    )
