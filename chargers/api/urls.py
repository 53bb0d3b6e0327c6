"""What of `/api/v1/` is about chargers. Every path works with and without its trailing slash."""

from django.urls import re_path

from chargers.api.commands import Commands
from chargers.api.josev import JosevView
from chargers.api.local_list import LocalListView

_STATION = r"^charge-stations/(?P<identity>.+?)"
urlpatterns = [
    re_path(r"^josev/?$", JosevView.as_view()),
    re_path(rf"{_STATION}/local-list/?$", LocalListView.as_view(), name="chargestation-local"),
    re_path(
        rf"{_STATION}/commands/?$",
        Commands.as_view({"get": "list", "post": "create"}),
        name="chargestation-commands",
    ),
    re_path(
        rf"{_STATION}/commands/(?P<pk>[0-9]{{1,19}})/?$",
        Commands.as_view({"get": "retrieve"}, detail=True),
        name="chargestation-command",
    ),
]
