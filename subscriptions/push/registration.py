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
from locations.models import CPO
from subscriptions import services
from subscriptions.models import PartnerAccess, Role, Subscription, Version
from subscriptions.push import discovery, endpoints
from subscriptions.push.discovery import CREDENTIALS, Found, Unusable
from subscriptions.push.outgoing import Line

NAME = "Chargeward"
MOST_ROLES = 1000


def own_credentials(subscription: Subscription, token: str, versions_url: str, version: str) -> dict[str, Any]:
    """A Credentials object of ours: as the one party in the partner's scope, or else as the portal itself; from 2.2 on
    as all parties in its scope."""
    if version != Version.V211:
        return {"token": token, "url": versions_url, "roles": _roles(subscription)}
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


def _roles(subscription: Subscription) -> list[dict[str, Any]]:
    """As whom the partner meets us. OTHER: the portal itself, where no party is in its scope."""
    if subscription.role == Role.EMSP:
        cpos = CPO.objects.order_by("pk") if subscription.all_cpos else subscription.cpos.order_by("pk")
        parties: list[Any] = list(cpos[:MOST_ROLES])
        role = "CPO"
    else:
        parties, role = list(subscription.emsps.order_by("pk")[:MOST_ROLES]), "EMSP"
    if not parties:
        country, _, party = settings.OCPI_PARTY.partition("-")
        return [_role("OTHER", NAME, party, country)]
    return [_role(role, each.name or each.code, each.party_id, each.country_code) for each in parties]


def _role(role: str, name: str, party: str, country: str) -> dict[str, Any]:
    return {"role": role, "business_details": {"name": name[:100]}, "party_id": party, "country_code": country}


def keep(
    subscription: Subscription, pushed: Mapping[str, str | None], token: str, versions_url: str, version: str,
    now: datetime,
) -> None:  # fmt: skip
    """The partner is registered. Call it in a transaction, with the subscription locked. Raises ValidationError."""
    endpoints.set_up(subscription, pushed, token)
    known = PartnerAccess.objects.filter(subscription=subscription)
    known.update(versions_url=versions_url, version=version, registered_at=now)


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
    found = discovery.best_of(url, endpoints.check_token(token))
    pushed = discovery.pushed(subscription, found)
    if CREDENTIALS not in found.receives:
        raise Unusable(3003, "The partner's version lists no credentials.")
    before = set(subscription.tokens.values_list("pk", flat=True))
    text = services.issue(subscription)
    # By its hash: somebody else may make another one meanwhile.
    made = subscription.tokens.filter(hash=hash_of(text))
    try:
        own = own_credentials(subscription, text, own_versions, found.version)
        following, versions = _exchange(found, token, own)
        with transaction.atomic():
            locked = Subscription.objects.select_for_update().get(pk=subscription.pk)
            now = timezone.now()
            keep(locked, pushed, following, versions, found.version, now)
            # The partner has its own token now: the ones before are over.
            services.end(locked.tokens.filter(pk__in=before), now)
    except (Unusable, ValidationError):
        made.delete()
        raise


def _exchange(found: Found, token: str, own: dict[str, Any]) -> tuple[str, str]:
    """(the token to go on with, the partner's versions)."""
    headers = services.authorization(token, found.version)
    with Line() as line:
        answer = line.ask("POST", found.receives[CREDENTIALS], headers, orjson.dumps(own))
    given = answer.data if isinstance(answer.data, dict) else {}
    if not answer.ok or not isinstance(given.get("token"), str) or not isinstance(given.get("url"), str):
        raise Unusable(3001, f"The partner did not register us: {answer}", str(answer))
    return endpoints.check_token(given["token"]), endpoints.check_url(given["url"])
