"""Registering with a partner by OCPI's `credentials`, from our side; and what both ways of it have in common."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from authorization.services.keys import hash_of
from subscriptions import services
from subscriptions.models import PartnerAccess, Role, Subscription
from subscriptions.push import discovery, endpoints
from subscriptions.push.discovery import CREDENTIALS, Unusable
from subscriptions.push.outgoing import Line

NAME = "Chargeward"


def own_credentials(subscription: Subscription, token: str, versions_url: str) -> dict[str, Any]:
    """A Credentials object of ours: as the one party in the partner's scope, or else as the portal itself."""
    if subscription.role == Role.EMSP:
        parties: list[Any] = [] if subscription.all_cpos else list(subscription.cpos.all()[:2])
    else:
        parties = list(subscription.emsps.all()[:2])
    country, _, party = settings.OCPI_PARTY.partition("-")
    name = NAME
    if len(parties) == 1:
        country, party, name = parties[0].country_code, parties[0].party_id, parties[0].name
    return {
        "token": token,
        "url": versions_url,
        "business_details": {"name": name[:100]},
        "party_id": party,
        "country_code": country,
    }


def keep(
    subscription: Subscription, pushed: Mapping[str, str | None], token: str, versions_url: str, now: datetime
) -> None:
    """The partner is registered. Call it in a transaction, with the subscription locked. Raises ValidationError."""
    endpoints.set_up(subscription, pushed, token)
    PartnerAccess.objects.filter(subscription=subscription).update(versions_url=versions_url, registered_at=now)


def end(subscription: Subscription, now: datetime) -> None:
    """The partner is not registered any more: it is sent nothing, and refused."""
    subscription.endpoints.all().delete()
    PartnerAccess.objects.filter(subscription=subscription).update(token_sealed="", versions_url="", registered_at=None)
    services.end(subscription.tokens.all(), now)


def register(subscription: Subscription, url: str, token: str, own_versions: str) -> None:
    """Registers with a partner, by its versions and the token that it gave (its A). Raises Unusable, ValidationError.

    Call it outside of a transaction: the partner asks for our versions while it answers.
    """
    endpoints.check_url(url)
    found = discovery.endpoints_of(url, endpoints.check_token(token))
    pushed = discovery.pushed(subscription, found)
    if CREDENTIALS not in found:
        raise Unusable(3003, "The partner's version lists no credentials.")
    before = set(subscription.tokens.values_list("pk", flat=True))
    text = services.issue(subscription)
    # By its hash: somebody else may make another one meanwhile.
    made = subscription.tokens.filter(hash=hash_of(text))
    try:
        following, versions = _exchange(found[CREDENTIALS], token, own_credentials(subscription, text, own_versions))
        with transaction.atomic():
            locked = Subscription.objects.select_for_update().get(pk=subscription.pk)
            now = timezone.now()
            keep(locked, pushed, following, versions, now)
            # The partner has its own token now: the ones before are over.
            services.end(locked.tokens.filter(pk__in=before), now)
    except (Unusable, ValidationError):
        made.delete()
        raise


def _exchange(url: str, token: str, own: dict[str, Any]) -> tuple[str, str]:
    """(the token to go on with, the partner's versions)."""
    with Line() as line:
        answer = line.ask("POST", url, {"Authorization": f"Token {token}"}, orjson.dumps(own))
    given = answer.data if isinstance(answer.data, dict) else {}
    if not answer.ok or not isinstance(given.get("token"), str) or not isinstance(given.get("url"), str):
        raise Unusable(3001, f"The partner did not register us: {answer}")
    return endpoints.check_token(given["token"]), endpoints.check_url(given["url"])
