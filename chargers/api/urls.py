"""What of `/api/v1/` is about chargers. Every path works with and without its trailing slash."""

from django.urls import re_path

from chargers.api.josev import JosevView

urlpatterns = [
    re_path(r"^josev/?$", JosevView.as_view()),
]
