"""A partner's own side of OCPI, found from its versions: which version, and where its modules are."""

from typing import Any

from django.core.exceptions import ValidationError

from subscriptions.models import Module, Role, Subscription
from subscriptions.push.endpoints import check_url
from subscriptions.push.outgoing import Answer, Line

VERSION = "2.1.1"
CREDENTIALS = "credentials"
# What a partner of a role receives, by OCPI; its other endpoints are for asking it.
RECEIVED: dict[str, tuple[Module, ...]] = {
    Role.EMSP: (Module.LOCATIONS, Module.SESSIONS, Module.CDRS, Module.NOTIFICATIONS),
    Role.CPO: (Module.TOKENS, Module.NOTIFICATIONS),
}


class Unusable(Exception):
    """The partner's side does not do. code: what OCPI calls it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def endpoints_of(versions_url: str, token: str) -> dict[str, str]:
    """Module → URL of the partner's version 2.1.1, `credentials` included. Raises Unusable."""
    headers = {"Authorization": f"Token {token}"}
    with Line() as line:
        versions = _data(line.ask("GET", versions_url, headers), list)
        urls = [each["url"] for each in versions if _is_entry(each, "version") and each["version"] == VERSION]
        if not urls:
            raise Unusable(3002, f"The versions that your platform lists have no {VERSION}.")
        details = _data(line.ask("GET", urls[0], headers), dict)
    listed = details.get("endpoints")
    found = {
        each["identifier"]: each["url"]
        for each in (listed if isinstance(listed, list) else ())
        if _is_entry(each, "identifier")
    }
    for url in found.values():
        try:
            check_url(url)
        except ValidationError:
            raise Unusable(3001, "The details of your version have an endpoint that is no URL.") from None
    return found


def _is_entry(each: Any, name: str) -> bool:
    return isinstance(each, dict) and isinstance(each.get(name), str) and isinstance(each.get("url"), str)


def _data(answer: Answer, kind: type) -> Any:
    if not answer.ok or not isinstance(answer.data, kind):
        raise Unusable(3001, f"Your platform could not be asked: {answer}")
    return answer.data


def pushed(subscription: Subscription, found: dict[str, str]) -> dict[str, str | None]:
    """module → where to push it, of what the partner's version lists; None where it receives nothing of it.

    Raises Unusable where the two have no module in common.
    """
    if not set(subscription.modules) & set(found):
        raise Unusable(3003, "Your version has none of the modules that are enabled for you.")
    received = RECEIVED[subscription.role]
    return {module.value: found.get(module) if module in received else None for module in Module}
