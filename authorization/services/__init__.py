"""The entry points that views, tasks, commands and the admin call."""

from authorization.services.charging import Answer, NoRules, answers_to_key, authorize, explain, keep
from authorization.services.groups import MembersChanged, change_members
from authorization.services.keys import Caller, KeyIsOver, authenticate, create_key, revoke, rotate
from authorization.services.lists import PrivateLocation, change_authorization_list, publish, unpublish

__all__ = [
    "Answer",
    "Caller",
    "KeyIsOver",
    "MembersChanged",
    "NoRules",
    "PrivateLocation",
    "answers_to_key",
    "authenticate",
    "authorize",
    "change_authorization_list",
    "change_members",
    "create_key",
    "explain",
    "keep",
    "publish",
    "revoke",
    "rotate",
    "unpublish",
]
