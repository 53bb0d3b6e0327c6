"""Mobility service providers, their customers, drivers and charge tokens."""

from django.apps import AppConfig


class TokensConfig(AppConfig):
    name = "tokens"
    verbose_name = "eMSP"

    def ready(self) -> None:
        from tokens import access  # noqa: F401  (says who sees what)
