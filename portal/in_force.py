"""Says after a change in the portal since which revision it is answered by."""

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from authorization import selectors
from authorization.services import charging

MOST_PATIENCE, STEP = 2.0, 0.02  # seconds


class InForceMiddleware:
    """After an admin's POST that altered who may charge: waits until every node answers by it, and says so."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST" or not request.path.startswith("/admin/") or not request.user.is_authenticated:
            return self.get_response(request)
        before = selectors.revision()
        response = self.get_response(request)
        # Only a page that leads on has changed something, and only the next one can say it.
        if response.status_code == 302 and (committed := selectors.revision()) != before:
            messages.info(request, _said(committed))
        return response


def _said(revision: int) -> str:
    """In force: no question that is asked from now on is answered by an older revision, on whichever node."""
    patience = settings.CACHE_STALE_AFTER_MS / 1000
    until = time.monotonic() + min(patience, MOST_PATIENCE)
    while not charging.in_force(revision):
        if time.monotonic() > until:
            if patience <= MOST_PATIENCE:
                # A copy that is still older has not been verified since, and nobody is answered from it any more.
                break
            return _("Saved as revision %(number)s; chargers are answered by it in a moment.") % {"number": revision}
        time.sleep(STEP)
    return _("In force at revision %(number)s.") % {"number": revision}
