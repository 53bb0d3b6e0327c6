"""Chargers and their messages: what they ask in their own words, and what they are told."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChargersConfig(AppConfig):
    name = "chargers"
    verbose_name = _("Chargers")

    def ready(self) -> None:
        from chargers import access  # noqa: F401  (says who sees what)
