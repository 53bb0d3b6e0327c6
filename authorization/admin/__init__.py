"""Pages of who may charge where: groups, exceptions, a location's authorization list, the log, API keys."""

from authorization.admin import decisions, exceptions, groups, keys, locations

__all__ = ["decisions", "exceptions", "groups", "keys", "locations"]
