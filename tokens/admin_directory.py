"""An eMSP's page of the CPOs whose managers may search its customers, drivers and charge tokens."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from locations.access import scope_of_request, visible_to
from locations.admin_base import ScopedAdmin
from locations.admin_listing import Column, Listing
from locations.admin_pages import ObjectPage
from locations.admin_scope import choosable, may_name
from locations.admin_widgets import Search
from locations.models import CPO
from tokens.models import EMSP, DirectoryGrant

may_name(DirectoryGrant, "cpo")


class DirectoryForm(forms.Form):
    """One more CPO."""

    cpo = forms.ModelChoiceField(CPO.objects.none(), label="CPO")

    def __init__(self, page: ScopedAdmin, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["cpo"]
        field.widget = Search(DirectoryGrant._meta.get_field("cpo"), page.admin_site)
        field.queryset = choosable(request, "tokens.directorygrant.cpo", CPO.objects.all())
        field.widget.choices = field.choices


class DirectoryPage(ScopedAdmin):
    object_pages: tuple[ObjectPage, ...] = (
        ObjectPage("directory", gettext_lazy("Directory"), "tokens.view_directorygrant"),
    )

    def directory_page(self, request: HttpRequest, obj: EMSP) -> HttpResponse:
        scope = scope_of_request(request)
        changes = scope.may("tokens.change_directorygrant") and self.manages(request, obj)
        grants = visible_to(scope, DirectoryGrant.objects.filter(emsp=obj)).select_related("cpo")
        form = DirectoryForm(self, request, request.POST if "add" in request.POST else None)
        if request.method == "POST":
            if not changes:
                raise PermissionDenied
            if "add" not in request.POST:
                return self._switch(request, obj, grants)
            if form.is_valid():
                return self._open(request, obj, form.cleaned_data["cpo"])
        listing = Listing(
            request,
            "cpos",
            grants.order_by("cpo__name", "pk"),
            [
                Column("CPO", lambda grant: grant.cpo),
                Column(
                    _("Directory"),
                    lambda grant: _("open") if grant.enabled else _("closed"),
                    label=lambda grant: "success" if grant.enabled else "default",
                ),
            ],
            _("Closed to everybody: no CPO may search it."),
            _("CPOs that may search this directory"),
            select="grant" if changes else "",
            form="cpos-form",
        )
        context = {"listing": listing, "form": form if changes else None, "media": form.media}
        return self.page_of(request, obj, "admin/directory.html", context, at="directory")

    def _open(self, request: HttpRequest, obj: EMSP, cpo: CPO) -> HttpResponse:
        if request.POST.get("confirmed") != "yes":
            lines = [
                _(
                    "The managers of %(cpo)s, and of the CPOs above it, will see every customer, driver and charge "
                    "token of %(emsp)s: names, external IDs, Auth IDs and Chip IDs."
                )
                % {"cpo": cpo, "emsp": obj},
                _("They can put them on their authorization lists and into their groups; they change nothing."),
            ]
            title = _("Open the directory to %(cpo)s?") % {"cpo": cpo}
            fields: dict[str, list[Any]] = {"add": ["yes"], "cpo": [cpo.pk]}
            return self.confirmation(
                request, obj, title=title, lines=lines, button=_("Open"), at="directory", fields=fields
            )
        DirectoryGrant.objects.update_or_create(emsp=obj, cpo=cpo, defaults={"enabled": True})
        return self._said(request, obj, _("%(cpo)s may search this directory now.") % {"cpo": cpo})

    def _switch(self, request: HttpRequest, obj: EMSP, grants: Any) -> HttpResponse:
        keys = [key for key in request.POST.getlist("grant") if key.isascii() and key.isdigit() and len(key) < 19]
        chosen, enabled = grants.filter(pk__in=keys), request.POST.get("enabled") == "yes"
        names = ", ".join(str(grant.cpo) for grant in chosen)
        if not names:
            self.message_user(request, _("Choose a CPO first."), messages.WARNING)
            return HttpResponseRedirect(self.address("directory", obj))
        if request.POST.get("confirmed") != "yes":
            if enabled:
                lines = [_("Their managers will see every customer, driver and charge token of this eMSP again.")]
            else:
                lines = [
                    _("Their managers will not find customers, drivers and charge tokens of this eMSP any more."),
                    _("What they have put on their lists and into their groups stays there."),
                ]
            title = _("Open the directory to %(cpo)s?") if enabled else _("Close the directory to %(cpo)s?")
            return self.confirmation(
                request,
                obj,
                title=title % {"cpo": names},
                lines=lines,
                button=_("Open") if enabled else _("Close"),
                at="directory",
                danger=not enabled,
                fields={"grant": keys, "enabled": ["yes" if enabled else "no"]},
            )
        DirectoryGrant.objects.filter(pk__in=[grant.pk for grant in chosen]).update(enabled=enabled)
        said = _("The directory is open to %(cpo)s.") if enabled else _("The directory is closed to %(cpo)s.")
        return self._said(request, obj, said % {"cpo": names})

    def _said(self, request: HttpRequest, obj: EMSP, text: str) -> HttpResponse:
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(self.address("directory", obj))
