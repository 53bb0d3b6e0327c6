"""Charge point operators and their places."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LocationsConfig(AppConfig):
    name = "locations"
    # As in the left bar.
    verbose_name = _("CPO")
