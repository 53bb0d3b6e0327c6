"""A partner's own side of OCPI, found from its versions: which version, and where its modules are."""

from typing import Any, NamedTuple

from django.core.exceptions import ValidationError

from subscriptions.models import PULLED, Module, Role, Subscription, Version
from subscriptions.push.endpoints import check_url
from subscriptions.push.outgoing import Answer, Line
from subscriptions.services import authorization

CREDENTIALS = "credentials"
# What a partner of a role receives, by OCPI; its other endpoints are for asking it.
RECEIVED: dict[str, tuple[Module, ...]] = {
    Role.EMSP: (Module.LOCATIONS, Module.SESSIONS, Module.CDRS, Module.NOTIFICATIONS),
    Role.CPO: (Module.TOKENS, Module.NOTIFICATIONS),
}


class Found(NamedTuple):
    """What a partner's version lists. receives: module → URL of what can be sent to, `credentials` included. modules:
    all, also those where the partner is only to be asked."""

    version: str
    receives: dict[str, str]
    modules: set[str]


class Unusable(Exception):
    """The partner's side does not do. code: what OCPI calls it. why: what was answered, where that is it."""

    def __init__(self, code: int, message: str, why: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.why = code, message, why or message


def endpoints_of(versions_url: str, token: str, version: str) -> Found:
    """What the partner's platform has in this version. Raises Unusable."""
    with Line() as line:
        versions = _data(_asked(line, versions_url, token, version), list)
        urls = [each["url"] for each in versions if _is_entry(each, "version") and each["version"] == version]
        if not urls:
            raise Unusable(3002, f"The versions that your platform lists have no {version}.")
        details = _data(_asked(line, urls[0], token, version), dict)
    listed = details.get("endpoints")
    entries = [each for each in (listed if isinstance(listed, list) else ()) if _is_entry(each, "identifier")]
    for each in entries:
        try:
            check_url(each["url"])
        except ValidationError:
            raise Unusable(3001, "The details of your version have an endpoint that is no URL.") from None
    # From 2.2 on an endpoint says on which side of its module it is.
    receives = {
        each["identifier"]: each["url"]
        for each in entries
        if version == Version.V211 or each.get("role") == "RECEIVER" or each["identifier"] == CREDENTIALS
    }
    return Found(version, receives, {each["identifier"] for each in entries})


def _asked(line: Line, url: str, token: str, version: str) -> Answer:
    """With the token as the version has it; where that is refused, as another has it: versions are asked for before it
    is known which is spoken, and platforms differ in what they expect then."""
    first = answer = line.ask("GET", url, authorization(token, version))
    if answer.http is not None and not answer.ok:
        other = Version.V221 if version == Version.V211 else Version.V211
        answer = line.ask("GET", url, authorization(token, other))
    return answer if answer.ok else first


def best_of(versions_url: str, token: str) -> Found:
    """In the version in which most is exchanged here, of those that the partner has. Raises Unusable."""
    try:
        return endpoints_of(versions_url, token, Version.V211)
    except Unusable as error:
        try:
            return endpoints_of(versions_url, token, Version.V221)
        except Unusable:
            raise error from None


def _is_entry(each: Any, name: str) -> bool:
    return isinstance(each, dict) and isinstance(each.get(name), str) and isinstance(each.get("url"), str)


def _data(answer: Answer, kind: type) -> Any:
    if not answer.ok or not isinstance(answer.data, kind):
        raise Unusable(3001, f"Your platform could not be asked: {answer}", str(answer))
    return answer.data


def pushed(subscription: Subscription, found: Found) -> dict[str, str | None]:
    """module → where to push it, of what the partner's version lists; None where it receives nothing of it.

    Raises Unusable where the two have no module in common.
    """
    here = [module for module in Module if found.version == Version.V211 or module in PULLED[Version.V221]]
    if not set(subscription.modules) & found.modules & set(here):
        raise Unusable(3003, "Your version has none of the modules that are enabled for you.")
    received = RECEIVED[subscription.role]
    taken = set(received) & set(here)
    return {module.value: found.receives.get(module) if module in taken else None for module in Module}
