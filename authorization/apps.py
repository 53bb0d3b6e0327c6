"""Exception groups, exceptions, authorization lists, and the answers given."""

from django.apps import AppConfig


class AuthorizationConfig(AppConfig):
    name = "authorization"
    verbose_name = "Authorization"
