"""CSV in and out: one pipeline for every kind of list that comes as a file, and the exports."""

from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "imports"

    def ready(self) -> None:
        from imports import access  # noqa: F401  (says who sees what)
