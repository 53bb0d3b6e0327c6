"""All URLs: the admin, the API, and what watches the process."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from django.views.generic import RedirectView

from authorization.admin.why import why
from authorization.api.health import healthz, readyz
from authorization.api.metrics import MetricsView


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A request that Django refuses before any view, such as one for another host."""
    return JsonResponse({"code": "bad_request", "detail": "The server does not answer such a request."}, status=400)


handler400 = bad_request
admin.autodiscover()  # where that was left for later

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", MetricsView.as_view()),
    path("api/v1/", include("portal.login.api")),
    path("api/v1/", include("people.api.urls")),
    path("api/v1/", include("subscriptions.api.urls")),
    path("api/v1/", include("imports.api.urls")),
    path("api/v1/", include("chargers.api.urls")),
    path("api/v1/", include("authorization.api.urls")),
    path("ocpi/", include("subscriptions.ocpi.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/why/", why, name="why"),
    path("admin/", include("portal.login.urls")),
    path("admin/", admin.site.urls),
]
