"""What of `/api/v1/` is about chargers. Every path works with and without its trailing slash."""

from django.urls import re_path

from chargers.api.josev import JosevView
from chargers.api.local_list import LocalListView

urlpatterns = [
    re_path(r"^josev/?$", JosevView.as_view()),
    re_path(r"^charge-stations/(?P<identity>.+?)/local-list/?$", LocalListView.as_view(), name="chargestation-local"),
]
