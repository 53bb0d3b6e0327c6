"""The pages at the door. Each translates, asks `second_factor` or `letters`, and translates back."""

import logging
from threading import Lock
from typing import Any

import qrcode
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import login, logout
from django.contrib.auth import views as auth_views
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView, TemplateView
from kombu.exceptions import OperationalError
from qrcode.image.svg import SvgPathImage

from portal.headers import refused
from portal.login import log, pending, second_factor, tasks
from portal.login.clients import counted_address
from portal.login.floods import Door
from portal.login.forms import TOO_MANY, TOO_MANY_TRIES, CodeForm, ForgottenForm, LogInForm, NewPasswordForm
from portal.login.letters import links
from portal.login.models import Outcome

logger = logging.getLogger(__name__)
BACKEND = "django.contrib.auth.backends.ModelBackend"
# A password costs more than half a second of a core. A process looks at one at a time, and lets two wait for it.
_door, _looking = Door(3), Lock()
# Letters that one address may ask for in a quarter of an hour.
MOST_ASKED = 10


def site_of(request: HttpRequest) -> str:
    """Where the portal is, for links in letters."""
    return f"{request.scheme}://{request.get_host()}"


class Dressed:
    """A page with the theme's context; `title` is its heading."""

    title: Any = ""
    request: HttpRequest

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = {**admin.site.each_context(self.request), "title": self.title}
        return context | super().get_context_data(**kwargs)  # type: ignore[misc,no-any-return]


class LogInView(Dressed, auth_views.LoginView):
    """Name and password; then the code, where there is a second factor, or has to be one."""

    template_name = "admin/login.html"
    authentication_form = LogInForm
    title = gettext_lazy("Log in")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if admin.site.has_permission(request):
            return HttpResponseRedirect(self.get_success_url())
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """What is not looked at costs as little as it can, and is no row of the log: chargers wait meanwhile."""
        if log.too_many_from(request):
            return _told_to_wait(request, log.WINDOW.seconds, _("Too many tries"), str(TOO_MANY_TRIES))
        address = counted_address(request)
        if not _door.enter(address):
            said = _("Very many people are logging in. Try again in a moment.")
            return _told_to_wait(request, 2, _("One moment"), said)
        try:
            with _looking:
                return super().post(request, *args, **kwargs)
        finally:
            _door.leave(address)

    def get_default_redirect_url(self) -> str:
        return reverse("admin:index")

    def form_valid(self, form: Any) -> HttpResponse:
        user: User = form.get_user()
        if second_factor.has_one(user):
            pending.keep(self.request, user, self.get_success_url())
            return HttpResponseRedirect(reverse("log_in_code"))
        if second_factor.required(user):
            pending.keep(self.request, user, self.get_success_url())
            return HttpResponseRedirect(reverse("second_factor"))
        return super().form_valid(form)

    def form_invalid(self, form: Any) -> HttpResponse:
        response = super().form_invalid(form)
        response.status_code = 429 if form.has_error("__all__", TOO_MANY) else 200
        return response


def _told_to_wait(request: HttpRequest, seconds: int, title: str, said: str) -> HttpResponse:
    response = refused(request, 429, title, said)
    response.headers["Retry-After"] = str(seconds)
    return response


class CodeView(Dressed, FormView):  # type: ignore[type-arg]
    """The code, after name and password."""

    template_name = "login/code.html"
    form_class = CodeForm
    title = gettext_lazy("Second factor")

    @method_decorator(sensitive_post_parameters())
    @method_decorator(never_cache)
    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        found = pending.find(request)
        if found is None:
            return HttpResponseRedirect(reverse("admin:login"))
        self.pending = found
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: CodeForm) -> HttpResponse:
        user = self.pending.user
        if not second_factor.verify(user, form.cleaned_data["code"]):
            return _wrong(self, form, user)
        return enter(self.request, self.pending)


def _wrong(page: "FormView[CodeForm]", form: CodeForm, user: User) -> HttpResponse:
    log.note(page.request, Outcome.CODE, user)
    form.add_error("code", _("This code is wrong, or used, or you have to wait a moment after a wrong one."))
    return page.form_invalid(form)


def enter(request: HttpRequest, found: pending.Pending) -> HttpResponse:
    """All that was asked for has been shown."""
    pending.drop(request)
    login(request, found.user, BACKEND)
    return HttpResponseRedirect(found.leads_to)


class SecondFactorView(Dressed, FormView):  # type: ignore[type-arg]
    """Sets it up, also before the first log-in where it is required; makes new recovery codes; removes it."""

    template_name = "login/second_factor.html"
    form_class = CodeForm
    title = gettext_lazy("Second factor")

    @method_decorator(sensitive_post_parameters())
    @method_decorator(never_cache)
    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.pending = None if request.user.is_authenticated else pending.find(request)
        if self.pending is None and not request.user.is_authenticated:
            return HttpResponseRedirect(f"{reverse('admin:login')}?next={request.path}")
        self.user: User = request.user if self.pending is None else self.pending.user
        self.there = second_factor.has_one(self.user)
        if self.pending is not None and self.there:
            # Who knows the password alone does not get to put another app in the place of the first.
            return HttpResponseRedirect(reverse("log_in_code"))
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        context |= {"there": self.there, "required": second_factor.required(self.user), "pending": self.pending}
        if self.there:
            return context | {"left": second_factor.codes_left(self.user)}
        device = second_factor.begin(self.user)
        return context | {"picture": picture(device.config_url), "typed": device.typed}

    def form_valid(self, form: CodeForm) -> HttpResponse:
        code = form.cleaned_data["code"]
        if not self.there:
            codes = second_factor.confirm(self.user, code)
            return _wrong(self, form, self.user) if codes is None else self._set_up(codes)
        if not second_factor.verify(self.user, code):
            return _wrong(self, form, self.user)
        if self.request.POST.get("do") != "remove":
            log.note(self.request, Outcome.CODES, self.user)
            return self._shown_once(second_factor.new_codes(self.user), reverse("admin:index"))
        return self._removed()

    def _removed(self) -> HttpResponse:
        """Where it is required, the user is at the door again, and gets in with another app."""
        is_required = second_factor.required(self.user)
        user = User.objects.get(pk=self.user.pk)
        log.note(self.request, Outcome.OFF, user)
        second_factor.remove(user, sessions=is_required)
        if is_required:
            logout(self.request)
            pending.keep(self.request, user, reverse("admin:index"))
        return HttpResponseRedirect(reverse("second_factor"))

    def _set_up(self, codes: list[str]) -> HttpResponse:
        log.note(self.request, Outcome.FACTOR, self.user)
        leads_to = reverse("admin:index") if self.pending is None else enter(self.request, self.pending)["Location"]
        return self._shown_once(codes, leads_to)

    def _shown_once(self, codes: list[str], leads_to: str) -> HttpResponse:
        context = {
            **admin.site.each_context(self.request),
            "title": _("Your recovery codes"),
            "codes": codes,
            "leads_to": leads_to,
        }
        return TemplateResponse(self.request, "login/recovery_codes.html", context)


def picture(text: str) -> SafeString:
    """A QR code as an SVG inside the page: no picture of it is kept, or loaded from anywhere."""
    image = qrcode.make(text, image_factory=SvgPathImage, border=2)
    drawn: str = image.to_string(encoding="unicode")
    return mark_safe(drawn)  # noqa: S308 - squares that we drew


class ForgottenView(Dressed, FormView):  # type: ignore[type-arg]
    """Asks for a letter. The page says the same, and takes as long, whether or not there is such a user."""

    template_name = "login/forgotten.html"
    form_class = ForgottenForm
    success_url = reverse_lazy("password_asked")
    title = gettext_lazy("New password")

    def form_valid(self, form: ForgottenForm) -> HttpResponse:
        if log.asked_lately(request=self.request) >= MOST_ASKED:
            form.add_error(None, _("Too many letters were asked for. Wait a quarter of an hour."))
            return self.form_invalid(form)
        log.note(self.request, Outcome.ASKED)
        asked = (form.cleaned_data["email"], get_language(), site_of(self.request))
        if not send(tasks.answer_forgotten, *asked):
            form.add_error(None, _("No letter can be sent just now. Try again later."))
            return self.form_invalid(form)
        return super().form_valid(form)


class AskedView(Dressed, TemplateView):
    template_name = "login/asked.html"
    title = gettext_lazy("Look into your mailbox")


def send(task: Any, *arguments: Any) -> bool:
    """Hands a letter to a worker; False where the broker does not answer."""
    try:
        task.apply_async(arguments, retry=False)
    except (OperationalError, OSError):
        logger.exception("A letter cannot be handed to a worker")
        return False
    return True


class ChoosePasswordView(Dressed, auth_views.PasswordResetConfirmView):
    """Where a letter's link leads."""

    template_name = "login/choose_password.html"
    form_class = NewPasswordForm
    token_generator: Any = links
    success_url = reverse_lazy("admin:login")
    title = gettext_lazy("Choose a password")

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        log.note(self.request, Outcome.CHOSEN, self.user)
        messages.success(self.request, _("Your password is set. Log in with it."))
        return response


def invite(request: HttpRequest, user: User, language: str = "") -> bool:
    """Has the user sent a link to choose a password by. language: of the letter; "" for that of the request."""
    log.note(request, Outcome.INVITED, user, by=request.user)
    return send(tasks.invite, user.pk, language or get_language() or settings.LANGUAGE_CODE, site_of(request))
