"""CSV in and out: one pipeline for every kind of list that comes as a file, and the exports."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ImportsConfig(AppConfig):
    name = "imports"
    verbose_name = _("Imports")

    def ready(self) -> None:
        from imports import access  # noqa: F401  (says who sees what)
