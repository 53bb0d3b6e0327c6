"""The portal's left bar, by job. Everybody sees the lines that lead somewhere for them."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

Seen = Callable[[HttpRequest], bool]


def _of(model: str, *sides: str) -> Seen:
    """Who may view the model ("app.model") and has something on one of these sides (`cpo`, `emsp`)."""

    def seen(request: HttpRequest) -> bool:
        # Settings import this module: models are not there yet.
        from locations.access import scope_of_request
        from tokens.access import directories, emsps

        scope = scope_of_request(request)
        if scope.everything:
            return True
        app, _, name = model.partition(".")
        has = {"cpo": bool(scope.cpos), "emsp": bool(emsps(scope) or directories(scope))}
        return scope.may(f"{app}.view_{name}") and any(has[side] for side in sides)

    return seen


def _admins(request: HttpRequest) -> bool:
    from locations.access import scope_of_request

    return scope_of_request(request).everything


def _page(title: Any, icon: str, model: str, seen: Seen) -> dict[str, Any]:
    link = reverse_lazy(f"admin:{model.replace('.', '_')}_changelist")
    return {"title": title, "icon": icon, "link": link, "permission": seen}


def _of_cpos(title: Any, icon: str, model: str) -> dict[str, Any]:
    return _page(title, icon, model, _of(model, "cpo"))


def _of_emsps(title: Any, icon: str, model: str) -> dict[str, Any]:
    return _page(title, icon, model, _of(model, "emsp"))


def _of_both(title: Any, icon: str, model: str) -> dict[str, Any]:
    return _page(title, icon, model, _of(model, "cpo", "emsp"))


NAVIGATION = [
    {"items": [{"title": _("Dashboard"), "icon": "dashboard", "link": reverse_lazy("admin:index")}]},
    {
        "title": _("CPO"),
        "separator": True,
        "items": [
            _of_cpos(_("CPOs"), "domain", "locations.cpo"),
            _of_cpos(_("Charge locations"), "location_on", "locations.location"),
            _of_cpos(_("Charge stations"), "ev_station", "locations.chargestation"),
            _of_cpos(_("EVSEs"), "electrical_services", "locations.evse"),
            _of_cpos(_("In use"), "bolt", "chargers.authorizationinuse"),
            _of_cpos(_("Commands"), "play_circle", "chargers.command"),
        ],
    },
    {
        "title": _("eMSP"),
        "separator": True,
        "items": [
            _of_emsps(_("eMSPs"), "handshake", "tokens.emsp"),
            _of_emsps(_("Customers"), "groups", "tokens.customer"),
            _of_emsps(_("Drivers"), "person", "tokens.driver"),
            _of_emsps(_("Charge tokens"), "contactless", "tokens.token"),
            _of_emsps(_("Erasures"), "person_off", "people.erasure"),
        ],
    },
    {
        "title": _("Who may charge"),
        "separator": True,
        "items": [
            _of_both(_("Exception groups"), "workspaces", "authorization.exceptiongroup"),
            _of_both(_("Exceptions"), "rule", "authorization.chargeexception"),
            _of_both(_("Authorization log"), "receipt_long", "authorization.decision"),
            _of_both(_("Imports"), "upload_file", "imports.import"),
            {
                "title": _("Why?"),
                "icon": "help",
                "link": reverse_lazy("why"),
                "permission": _of("authorization.decision", "cpo", "emsp"),
            },
        ],
    },
    {
        "title": _("Administration"),
        "separator": True,
        "collapsible": True,
        "items": [
            _page(_("Users"), "manage_accounts", "auth.user", _admins),
            _page(_("Roles"), "badge", "auth.group", _admins),
            _page(_("Log-ins"), "login", "portal_login.login", _admins),
            _of_both(_("API keys"), "key", "authorization.apikey"),
            _page(_("Subscriptions"), "sync_alt", "subscriptions.subscription", _admins),
            _page(_("Schedules"), "schedule", "django_celery_beat.periodictask", _admins),
        ],
    },
]
