"""`/ocpi/`. Every path works with and without its trailing slash."""

import re

from django.urls import URLPattern, re_path

from subscriptions.models import Version
from subscriptions.ocpi.credentials import Credentials
from subscriptions.ocpi.envelope import Nowhere, OcpiView
from subscriptions.ocpi.locations import Locations, OneLocation
from subscriptions.ocpi.relayed import CDRs, OneCDR, OneSession, Sessions
from subscriptions.ocpi.tokens import Authorize, OneToken, Tokens
from subscriptions.ocpi.versions import Details, Versions

_PARTY = r"(?P<country>[A-Za-z]{2})/(?P<party>[A-Za-z0-9]{3})"
_LOCATION = r"locations/(?P<location_id>[^/]+)"
_EVSE = rf"{_LOCATION}/(?P<evse_uid>[^/]+)"
# name: where below its version, and what is there.
_EVERY: dict[str, tuple[str, type[OcpiView]]] = {
    "details": (r"", Details),
    "credentials": (r"credentials", Credentials),
    "locations": (r"locations", Locations),
    "location": (_LOCATION, OneLocation),
    "evse": (_EVSE, OneLocation),
    "connector": (rf"{_EVSE}/(?P<connector_id>[^/]+)", OneLocation),
    "tokens": (r"tokens", Tokens),
    "authorize": (r"tokens/(?P<uid>[^/]+)/authorize", Authorize),
    "token": (rf"tokens/{_PARTY}/(?P<uid>[^/]+)", OneToken),
}
_ONLY_211: dict[str, tuple[str, type[OcpiView]]] = {
    "sessions": (r"sessions", Sessions),
    "session": (rf"sessions/{_PARTY}/(?P<object_id>[^/]+)", OneSession),
    "cdrs": (r"cdrs", CDRs),
    "cdr": (r"cdrs/(?P<object_id>[^/]+)", OneCDR),
}


def _paths(version: Version, parts: dict[str, tuple[str, type[OcpiView]]]) -> list[URLPattern]:
    return [
        re_path(
            rf"^{re.escape(version)}/{where}/?$" if where else rf"^{re.escape(version)}/?$",
            view.as_view(version=version.value),
            name=f"ocpi-{version}-{name}",
        )
        for name, (where, view) in parts.items()
    ]


urlpatterns = [
    re_path(r"^versions/?$", Versions.as_view(), name="ocpi-versions"),
    *_paths(Version.V211, _EVERY | _ONLY_211),
    *_paths(Version.V221, _EVERY),
    re_path(r"", Nowhere.as_view(), name="ocpi-nowhere"),
]
