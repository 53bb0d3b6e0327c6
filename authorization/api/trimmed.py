"""A DRF view with one way in and one way out: JSON, whatever the request says it accepts."""

from typing import Any

from django.http import HttpRequest
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

_RENDERER = JSONRenderer()


class TrimmedView(APIView):
    """Without content negotiation, versions and throttles, which cost more than a decision does."""

    allow = "POST, OPTIONS"

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return _RENDERER, _RENDERER.media_type

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        return Request(request, authenticators=self.get_authenticators())

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        self.perform_authentication(request)
        self.check_permissions(request)

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {"Allow": self.allow}
