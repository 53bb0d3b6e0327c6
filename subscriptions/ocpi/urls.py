"""`/ocpi/`. Every path works with and without its trailing slash."""

from django.urls import re_path

from subscriptions.ocpi.credentials import Credentials
from subscriptions.ocpi.envelope import Nowhere
from subscriptions.ocpi.locations import Locations, OneLocation
from subscriptions.ocpi.relayed import CDRs, OneCDR, OneSession, Sessions
from subscriptions.ocpi.tokens import Authorize, OneToken, Tokens
from subscriptions.ocpi.versions import Details, Versions

_PARTY = r"(?P<country>[A-Za-z]{2})/(?P<party>[A-Za-z0-9]{3})"
urlpatterns = [
    re_path(r"^versions/?$", Versions.as_view(), name="ocpi-versions"),
    re_path(r"^2\.1\.1/?$", Details.as_view(), name="ocpi-details"),
    re_path(r"^2\.1\.1/credentials/?$", Credentials.as_view(), name="ocpi-credentials"),
    re_path(r"^2\.1\.1/locations/?$", Locations.as_view(), name="ocpi-locations"),
    re_path(r"^2\.1\.1/locations/(?P<location_id>[^/]+)/?$", OneLocation.as_view(), name="ocpi-location"),
    re_path(
        r"^2\.1\.1/locations/(?P<location_id>[^/]+)/(?P<evse_uid>[^/]+)/?$", OneLocation.as_view(), name="ocpi-evse"
    ),
    re_path(
        r"^2\.1\.1/locations/(?P<location_id>[^/]+)/(?P<evse_uid>[^/]+)/(?P<connector_id>[^/]+)/?$",
        OneLocation.as_view(),
        name="ocpi-connector",
    ),
    re_path(r"^2\.1\.1/tokens/?$", Tokens.as_view(), name="ocpi-tokens"),
    re_path(r"^2\.1\.1/tokens/(?P<uid>[^/]+)/authorize/?$", Authorize.as_view(), name="ocpi-authorize"),
    re_path(rf"^2\.1\.1/tokens/{_PARTY}/(?P<uid>[^/]+)/?$", OneToken.as_view(), name="ocpi-token"),
    re_path(r"^2\.1\.1/sessions/?$", Sessions.as_view(), name="ocpi-sessions"),
    re_path(rf"^2\.1\.1/sessions/{_PARTY}/(?P<object_id>[^/]+)/?$", OneSession.as_view(), name="ocpi-session"),
    re_path(r"^2\.1\.1/cdrs/?$", CDRs.as_view(), name="ocpi-cdrs"),
    re_path(r"^2\.1\.1/cdrs/(?P<object_id>[^/]+)/?$", OneCDR.as_view(), name="ocpi-cdr"),
    re_path(r"", Nowhere.as_view(), name="ocpi-nowhere"),
]
