"""On the pages of drivers and charge tokens: what there is about a person, as a file, and its erasure. And a list of
the erasures."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from authorization.admin.cards import DriverPages, TokenPages
from imports.admin_files import extend
from locations.access import scope_of_request
from locations.admin_base import OnlyShown, ScopedAdmin, display
from locations.admin_format import instant
from locations.admin_pages import Button, ObjectPage
from people import says
from people.access import ERASES, EXPORTS, may
from people.erase import erase
from people.export import export, file_name
from people.models import Erasure
from people.person import person_of
from tokens.models import Driver, Token

PAGES = (
    ObjectPage("personal-data", permission=EXPORTS),
    ObjectPage("erase", permission=ERASES),
)


class PersonPages(ScopedAdmin):
    """Pages of a driver or of a charge token."""

    def buttons(self, request: HttpRequest, obj: Any) -> list[Button]:
        scope, more = scope_of_request(request), []
        if may(scope, EXPORTS, obj):
            more.append(Button(_("Export personal data"), self.address("personal-data", obj)))
        if may(scope, ERASES, obj):
            more.append(Button(_("Erase personal data"), self.address("erase", obj), danger=True))
        return [*super().buttons(request, obj), *more]

    def personal_data_page(self, request: HttpRequest, obj: Any) -> HttpResponseBase:
        scope = scope_of_request(request)
        if not may(scope, EXPORTS, obj):
            raise PermissionDenied
        answer = StreamingHttpResponse(export(obj, scope, timezone.now()), content_type="application/json")
        answer.headers["Content-Disposition"] = f'attachment; filename="{file_name(obj)}"'
        return answer

    def erase_page(self, request: HttpRequest, obj: Any) -> HttpResponse:
        if not may(scope_of_request(request), ERASES, obj):
            raise PermissionDenied
        if request.method == "POST" and request.POST.get("confirmed") == "yes":
            record = erase(obj, request.user, timezone.now())  # type: ignore[arg-type]
            self.message_user(request, _("The personal data was erased."), messages.SUCCESS)
            return HttpResponseRedirect(reverse("admin:people_erasure_change", args=(record.pk,)))
        title = _("Erase the personal data of %(object)s?") % {"object": obj}
        told = says.lines(obj, person_of(obj))
        return self.confirmation(request, obj, title=title, lines=told, button=_("Erase for good"), danger=True)


extend(Driver, PersonPages, object_pages=(*DriverPages.object_pages, *PAGES))
extend(Token, PersonPages, object_pages=(*TokenPages.object_pages, *PAGES))


@admin.register(Erasure)
class ErasureAdmin(OnlyShown, ScopedAdmin):
    empty = gettext_lazy(
        "Whose personal data was erased, and when. It is done on the page of a driver or a charge token."
    )
    empty_leads = (gettext_lazy("Drivers"), "admin:tokens_driver_changelist")
    list_display = ("moment", "kind", "party", "by_name", "state")
    list_select_related = ("emsp",)
    sortable_by = ()
    ordering = ("-at", "-pk")
    fields = ("moment", "kind", "party", "by_name", "rows", "progress")
    readonly_fields = fields

    @display(description=gettext_lazy("When (UTC)"))
    def moment(self, row: Erasure) -> str:
        return instant(row.at)

    @display(description="eMSP")
    def party(self, row: Erasure) -> str:
        return str(row.emsp or "–")

    @display(description=gettext_lazy("Rows erased or made anonymous"))
    def rows(self, row: Erasure) -> str:
        return ", ".join(f"{table}: {number:,}" for table, number in sorted(row.counts.items())) or "–"

    @display(description=gettext_lazy("Status"))
    def progress(self, row: Erasure) -> str:
        return str(self.state(row)[1])

    @display(description=gettext_lazy("Status"), label={"done": "success", "waits": "info"})
    def state(self, row: Erasure) -> tuple[str, Any]:
        if row.finished_at is not None:
            return "done", _("finished")
        return "waits", _("waits until nodes, stations and partners have heard of it")
