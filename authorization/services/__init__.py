"""The entry points that views, tasks, commands and the admin call."""

from authorization.services.charging import Answer, NoRules, authorize, explain
from authorization.services.keys import Caller, authenticate, create_key, revoke

__all__ = ["Answer", "Caller", "NoRules", "authenticate", "authorize", "create_key", "explain", "revoke"]
