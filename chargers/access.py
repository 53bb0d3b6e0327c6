"""Authorizations in use and commands are of the place that they happen at."""

from django.db.models import Q

from chargers.models import AuthorizationInUse, Command
from locations.access import Scope, rule, within


def _at_own_places(scope: Scope) -> Q:
    return within("location__cpo", scope.cpos)


for _model in (AuthorizationInUse, Command):
    rule(_model, managed=_at_own_places)
