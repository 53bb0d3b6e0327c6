"""Log-in as a Django app of its own: its tables, and the log's ears."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LoginConfig(AppConfig):
    name = "portal.login"
    label = "portal_login"
    verbose_name = _("Log-ins")

    def ready(self) -> None:
        from portal.login import log

        log.listen()
