"""Exception groups, exceptions, authorization lists, and the answers given."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AuthorizationConfig(AppConfig):
    name = "authorization"
    # As in the left bar.
    verbose_name = _("Who may charge")

    def ready(self) -> None:
        from authorization import access  # noqa: F401  (says who sees what)
