"""Every URL of the URLconf, with whatever it takes filled in from a side of the world, or with ids that are missing."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from tests.isolation.world import MISSING, Side

# URLs of the API without a name, and the few beside it. A new one without a line here fails the test.
PLAIN = {
    "": "/",
    "healthz": "/healthz",
    "readyz": "/readyz",
    "metrics": "/metrics",
    "api/v1/^authorize/?$": "/api/v1/authorize",
    "api/v1/^authorize/batch/?$": "/api/v1/authorize/batch",
    "api/v1/^explain/?$": "/api/v1/explain",
    "api/v1/^status/?$": "/api/v1/status",
    "api/v1/^josev/?$": "/api/v1/josev",
    "api/v1/^schema/?$": "/api/v1/schema/",
    "api/v1/^docs/?$": "/api/v1/docs/",
    "api/v1/": "/api/v1/nothing",
    "admin/why/": "/admin/why/",
    "i18n/setlang/": "/i18n/setlang/",
    "admin/(?P<url>.*)$": "/admin/nothing",
}
# Resources of the API by the name of their URLs: which objects of a side to ask for.
KINDS = {
    "cpo": ("cpo",),
    "location": ("location",),
    "evse": ("evse",),
    "chargestation": ("chargestation",),
    "emsp": ("emsp",),
    "customer": ("customer",),
    "driver": ("driver",),
    "token": ("token",),
    "directorygrant": ("directorygrant",),
    "exceptiongroup": ("places", "cards"),
    "chargeexception": ("of_cpo", "of_emsp"),
    "decision": ("decision",),
    "apikey": ("apikey",),
    "user": ("user",),
    "group": ("group",),
    "grant": ("grant",),
    "import": ("import",),
    "subscription": ("subscription",),
    "erasure": ("erasure",),
}
# What partners ask has a matrix of its own, in tests/subscriptions.
OCPI = "ocpi-"
# What an eMSP's manager sees of every party, by name.
BY_NAME = {"cpo", "location"}
# Models with pages in the admin, in the same words; schedules are nobody's.
# The admin's old addresses, which have no name and lead on.
BY_ID = "/<path:object_id>/"
SCHEDULES = ("periodictask", "intervalschedule", "crontabschedule", "clockedschedule", "solarschedule")
ADMIN_KINDS: dict[str, tuple[str, ...]] = (
    KINDS
    | dict.fromkeys((*SCHEDULES, "login"), ())
    | {"authorizationinuse": ("authorizationinuse",), "command": ("command",)}
)
# The pages at the door, which are nobody's.
DOOR = {"log_in", "log_in_code", "second_factor", "admin_password_reset", "password_asked", "choose_password"}
ADMIN_PLAIN = {
    "index", "login", "logout", "password_change", "password_change_done", "autocomplete", "search", "jsi18n",
}  # fmt: skip


def leaves(patterns: list[Any], before: str = "", space: str = "") -> Iterator[tuple[str, str, set[str]]]:
    """(route, full name, names of its arguments) of every URL."""
    for item in patterns:
        route = before + str(item.pattern)
        if isinstance(item, URLResolver):
            yield from leaves(item.url_patterns, route, item.namespace or space)
        elif isinstance(item, URLPattern):
            name = f"{space}:{item.name}" if space and item.name else item.name or ""
            yield route, name, set(item.pattern.regex.groupindex)


def unknown() -> list[str]:
    """URLs that nothing here says how to ask."""
    return [route for route, name, _ in leaves(get_resolver().url_patterns) if not _is_known(route, name)]


def _is_known(route: str, name: str) -> bool:
    if route in PLAIN or name in DOOR or name.startswith(OCPI):
        return True
    if not name and route.endswith(BY_ID):
        return route.split("/")[2] in ADMIN_KINDS
    if name.startswith("admin:"):
        return bool(_admin_kind(name)) or name.removeprefix("admin:") in {*ADMIN_PLAIN, "app_list", "view_on_site"}
    return name.partition("-")[0] in KINDS


def _admin_kind(name: str) -> str | None:
    found = [model._meta for model in admin.site._registry]
    for options in found:
        if name.startswith(f"admin:{options.app_label}_{options.model_name}_"):
            kind = str(options.model_name)
            return kind if kind in ADMIN_KINDS else None
    return None


def api_lists() -> list[tuple[str, str]]:
    """(kind, address) of every list."""
    found = leaves(get_resolver().url_patterns)
    names = [name for _, name, arguments in found if name.endswith("-list") and not arguments]
    return [(name.removesuffix("-list"), f"{reverse(name)}/") for name in names]


def objects(prefix: str, of: Side) -> list[str]:
    """The addresses below a list: its objects, and what hangs below those."""
    return [address for address in addresses(of, "/api/") if address.startswith(prefix) and address != prefix]


def addresses(of: Side | None, only: str = "") -> list[str]:
    """Each URL once for every object of the side that it can be about; with missing ids where there is no side."""
    found: list[str] = []
    for route, name, arguments in leaves(get_resolver().url_patterns):
        if name.startswith(OCPI):
            continue
        if route in PLAIN:
            found.append(PLAIN[route])
        elif not arguments:
            found.append(reverse(name))
        elif not name:
            kinds = ADMIN_KINDS[route.split("/")[2]]
            found += ["/" + route.replace("<path:object_id>", str(of.pk(k) if of else MISSING)) for k in kinds]
        elif name == "admin:app_list":
            found.append(reverse(name, kwargs={"app_label": "tokens"}))
        else:
            kind = _admin_kind(name) or name.partition("-")[0]
            for values in _arguments(name, kind, arguments, of):
                found.append(reverse(name, kwargs=values))
    return sorted(dict.fromkeys(address for address in found if only in address))


def _arguments(name: str, kind: str, arguments: set[str], of: Side | None) -> Iterator[dict[str, Any]]:
    if name in DOOR:
        yield {"uidb64": urlsafe_base64_encode(force_bytes(of.pk("user") if of else MISSING)), "token": "no-such-token"}
        return
    if name == "admin:view_on_site":
        yield {
            "content_type_id": ContentType.objects.get(model="token").pk,
            "object_id": of.pk("token") if of else MISSING,
        }
        return
    for which in (ADMIN_KINDS | KINDS)[kind]:
        about: Any = of.pk(which) if of else MISSING
        values: dict[str, Any] = dict.fromkeys(arguments, about)
        if name == "chargestation-command":
            values["pk"] = of.pk("command") if of else MISSING
        if "identity" in values:
            values["identity"] = of["chargestation"].identity if of else "no-such-station"
        if "form" in values:
            values["form"] = "csv"
        for other, argument in (("user", "user_id"), ("group", "group_id")):
            if argument in values:
                values[argument] = of.pk(other) if of else MISSING
        yield values
