"""The portal as a Django app: its checks and commands, and the roles that `migrate` keeps."""

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        # Checks register themselves; without the Celery application tasks would be sent to a broker of Celery's choice.
        from portal import celery, checks, roles  # noqa: F401

        # Where a page's way back begins.
        apps.get_app_config("auth").verbose_name = _("Users and roles")
        apps.get_app_config("django_celery_beat").verbose_name = _("Schedules")
        post_migrate.connect(roles.after_migrate, dispatch_uid="portal.roles")
