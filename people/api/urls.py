"""What of `/api/v1/` is about a person's data. Every path works with and without its trailing slash."""

from django.urls import re_path

from authorization.api.urls import Router
from people.api.views import DriverPerson, Erasures, TokenPerson

router = Router()
router.register("erasures", Erasures)

_PK = r"(?P<pk>[0-9]{1,19})"
urlpatterns = [
    re_path(rf"^{kind}s/{_PK}/{path}/?$", view.as_view({method: action}, detail=True), name=f"{kind}-{path}")
    for kind, view in (("driver", DriverPerson), ("token", TokenPerson))
    for path, method, action in (("personal-data", "get", "personal_data"), ("erase", "post", "erase"))
] + router.urls
