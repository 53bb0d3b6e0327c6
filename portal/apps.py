"""The portal as a Django app: its checks and commands, and the roles that `migrate` keeps."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        # Checks register themselves; without the Celery application tasks would be sent to a broker of Celery's choice.
        from portal import celery, checks, roles  # noqa: F401

        post_migrate.connect(roles.after_migrate, dispatch_uid="portal.roles")
