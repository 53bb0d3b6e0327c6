"""Mobility service providers, their customers, drivers and charge tokens."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TokensConfig(AppConfig):
    name = "tokens"
    # As in the left bar.
    verbose_name = _("eMSP")

    def ready(self) -> None:
        from tokens import access  # noqa: F401  (says who sees what)
