"""`credentials`: how two platforms exchange their tokens, and find each other's modules.

The token that the portal shows when a subscription is made is OCPI's token A. With it the partner POSTs its own (B);
we look up its endpoints with that, and answer with the one to go on with (C). PUT does the same again, DELETE ends it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pghistory
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from subscriptions import services
from subscriptions.models import PartnerAccess, Subscription, Version
from subscriptions.ocpi.envelope import CLIENT_ERROR, INVALID, OcpiView, Refusal
from subscriptions.ocpi.receiving import text_of
from subscriptions.push import discovery, endpoints, registration
from subscriptions.push.discovery import Unusable


class Credentials(OcpiView):
    # The partner is asked between, and no transaction waits for it.
    whole = False

    def get(self) -> Any:
        return self._shown(self.token)

    def post(self) -> Any:
        if self._registered():
            raise self._not_now("This platform is registered already: PUT what has changed.")
        return self._register(registered=False)

    def put(self) -> Any:
        if not self._registered():
            raise self._not_now("This platform is not registered: POST its credentials.")
        return self._register(registered=True)

    def delete(self) -> Any:
        """Both sides end: nothing is pushed any more, and the token is refused from now on."""
        with self._changing() as locked:
            if not self._registered():
                raise self._not_now("This platform is not registered.")
            registration.end(locked, timezone.now())
        return None

    @contextmanager
    def _changing(self) -> Iterator[Subscription]:
        """A transaction with the subscription locked; its history tells of the partner."""
        about = {"partner": self.sight.subscription.code, "url": self.request.path[:500]}
        with pghistory.context(**about), transaction.atomic():
            yield Subscription.objects.select_for_update().get(pk=self.sight.pk)

    def _registered(self) -> bool:
        of = self.sight.subscription
        return PartnerAccess.objects.filter(subscription=of, registered_at__isnull=False).exists()

    def _not_now(self, message: str) -> Refusal:
        methods = ["GET", "PUT", "DELETE"] if self._registered() else ["GET", "POST"]
        return Refusal(CLIENT_ERROR, message, 405, Allow=", ".join(methods))

    def _shown(self, token: str) -> dict[str, Any]:
        return registration.own_credentials(self.sight.subscription, token, self.url("versions/"), self.version)

    def _register(self, *, registered: bool) -> dict[str, Any]:
        url, token = _checked(self.body(), self.version)
        try:
            found = discovery.endpoints_of(url, token, self.version)
            pushed = discovery.pushed(self.sight.subscription, found)
        except Unusable as error:
            raise Refusal(error.code, error.message) from None
        with self._changing() as subscription:
            if self._registered() != registered:
                raise self._not_now("This platform has registered at the same moment.")
            now = timezone.now()
            registration.keep(subscription, pushed, token, url, self.version, now)
            text = services.rotate(subscription, timedelta(0), now)
        return self._shown(text)


PARTY = ("business_details", "party_id", "country_code")
MOST_ROLES = 1000


def _checked(body: Any, version: str) -> tuple[str, str]:
    """(versions URL, token) of a Credentials object. Raises Refusal."""
    if version == Version.V211:
        _require(body, ("token", "url", *PARTY))
        _check_party(body)
    else:
        _require(body, ("token", "url", "roles"))
        roles = body["roles"]
        if not isinstance(roles, list) or not 1 <= len(roles) <= MOST_ROLES:
            raise Refusal(INVALID, f"roles is a list of 1 to {MOST_ROLES} roles.")
        for role in roles:
            _require(role, ("role", *PARTY))
            text_of(role["role"], "role", 20)
            _check_party(role)
    token = text_of(body["token"], "token", 64)
    try:
        endpoints.check_token(token)
        endpoints.check_url(text_of(body["url"], "url", endpoints.MAX_URL))
    except ValidationError as error:
        raise Refusal(INVALID, " ".join(error.messages)) from None
    return body["url"], token


def _require(part: Any, fields: tuple[str, ...]) -> None:
    if not isinstance(part, dict):
        raise Refusal(INVALID, "Send a Credentials object.")
    missing = [field for field in fields if part.get(field) is None]
    if missing:
        raise Refusal(INVALID, f"Missing: {', '.join(missing)}.")


def _check_party(part: dict[str, Any]) -> None:
    details = part["business_details"]
    if not isinstance(details, dict):
        raise Refusal(INVALID, "business_details is an object with a name.")
    text_of(details.get("name"), "business_details.name", 100)
    text_of(part["party_id"], "party_id", 3)
    text_of(part["country_code"], "country_code", 2)
