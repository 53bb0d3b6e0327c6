"""Log-in as a Django app of its own: its tables, and the log's ears."""

from django.apps import AppConfig


class LoginConfig(AppConfig):
    name = "portal.login"
    label = "portal_login"
    verbose_name = "Log-in"

    def ready(self) -> None:
        from portal.login import log

        log.listen()
