"""The portal speaks the browser's language, or the one that was chosen; the API speaks English."""

from django.http import HttpRequest, HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

SPEAKS = ("/admin/", "/i18n/")


class LanguageMiddleware(LocaleMiddleware):
    def process_request(self, request: HttpRequest) -> None:
        if request.path.startswith(SPEAKS):
            super().process_request(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not request.path.startswith(SPEAKS):
            return response
        answer = super().process_response(request, response)
        # The thread goes on to questions of the API.
        translation.deactivate()
        return answer
