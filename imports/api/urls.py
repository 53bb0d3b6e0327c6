"""What of `/api/v1/` is about files. Every path works with and without its trailing slash."""

from django.urls import re_path

from authorization.api.urls import Router
from imports.api.exports import ListExport, MembersExport, TokensExport
from imports.api.resources import Imports

router = Router()
router.register("imports", Imports)

_PK = r"(?P<pk>[0-9]{1,19})"
_FORM = r"\.(?P<form>csv|xlsx)/?$"
urlpatterns = [
    re_path(rf"^tokens{_FORM}", TokensExport.as_view(), name="token-export"),
    re_path(rf"^locations/{_PK}/authorization-list{_FORM}", ListExport.as_view(), name="location-export"),
    re_path(rf"^exception-groups/{_PK}/members{_FORM}", MembersExport.as_view(), name="exceptiongroup-export"),
    *router.urls,
]
