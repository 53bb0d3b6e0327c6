"""`/api/v1/`."""

from django.urls import re_path

from authorization.api.charging import AuthorizeView, BatchView, ExplainView
from authorization.api.health import StatusView

urlpatterns = [
    re_path(r"^authorize/?$", AuthorizeView.as_view()),
    re_path(r"^authorize/batch/?$", BatchView.as_view()),
    re_path(r"^explain/?$", ExplainView.as_view()),
    re_path(r"^status/?$", StatusView.as_view()),
]
