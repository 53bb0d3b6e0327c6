"""Tabs that pages of several kinds of objects have: the exceptions that touch the object, and its log."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from authorization.admin.log_listing import log_listing
from authorization.admin.touching import exceptions_listing
from locations.admin_base import ScopedAdmin
from locations.admin_pages import ObjectPage

EXCEPTIONS = ObjectPage("exceptions", _("Exceptions"), "authorization.view_chargeexception")
LOG = ObjectPage("log", _("Log"), "authorization.view_decision")


class Touched(ScopedAdmin):
    """An admin with these tabs. about: the object's name as a keyword of the listings."""

    about = ""

    def exceptions_page(self, request: HttpRequest, obj: Any) -> HttpResponse:
        listing = exceptions_listing(request, **{self.about: obj})
        return self.page_of(request, obj, "admin/listings.html", {"listings": [listing]}, at="exceptions")

    def log_page(self, request: HttpRequest, obj: Any) -> HttpResponse:
        listing = log_listing(request, **{self.about: obj})
        return self.page_of(request, obj, "admin/listings.html", {"listings": [listing]}, at="log")
