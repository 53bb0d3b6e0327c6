"""Exception groups, exceptions, authorization lists, and the answers given."""

from django.apps import AppConfig


class AuthorizationConfig(AppConfig):
    name = "authorization"
    verbose_name = "Authorization"

    def ready(self) -> None:
        from authorization import access  # noqa: F401  (says who sees what)
