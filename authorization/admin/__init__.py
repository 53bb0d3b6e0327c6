"""Pages of who may charge where: groups, exceptions, a location's authorization list, the log, API keys."""

from authorization.admin import cards, decisions, exceptions, groups, keys, locations

__all__ = ["cards", "decisions", "exceptions", "groups", "keys", "locations"]
