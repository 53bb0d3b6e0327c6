"""Subscriptions' tokens: made, shown once, rotated, recognised; and what a subscription lets its partner see."""

import binascii
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from authorization.services.keys import LAST_USED_STEP, MAX_OVERLAP, Caller, Partner, hash_of
from locations.access import with_sub_cpos
from locations.models import CPO
from subscriptions.models import PullToken, Role, Subscription, Version

MAX_TOKEN = 64  # characters, as OCPI has it


@dataclass(frozen=True)
class Sight:
    """A subscription and, looked up once for a request, what it is let see. Primary keys.

    cpos: in scope with their sub-CPOs; None for all. emsps: in scope. own: the CPOs that the partner itself is, for a
    partner in the role of a CPO: it may see all of its places. version: of OCPI, in which it sees them.
    """

    subscription: Subscription
    cpos: frozenset[int] | None
    emsps: frozenset[int]
    own: frozenset[int]
    version: str = Version.V211

    @property
    def pk(self) -> int:
        return int(self.subscription.pk)

    def has_cpo(self, cpo: int | None) -> bool:
        return cpo is not None and (self.cpos is None or cpo in self.cpos)

    def caller(self) -> Caller:
        """As whom the partner asks. The key is a number that no API key has."""
        return Caller(-self.pk, f"partner {self.subscription.code}", partner=Partner(self.cpos, self.emsps))


def issue(subscription: Subscription) -> str:
    """A new token's text, which is shown now or never."""
    text = f"cwp_{secrets.token_urlsafe(24)}"
    PullToken.objects.create(subscription=subscription, prefix=text[:10], hash=hash_of(text))
    return text


def end(tokens: QuerySet[PullToken], at: datetime) -> None:
    """None of these is in force from then on."""
    tokens.filter(Q(expires_at=None) | Q(expires_at__gt=at)).update(expires_at=at)


def rotate(subscription: Subscription, overlap: timedelta, now: datetime) -> str:
    """A new token beside those in force, which expire after the overlap, if not before. Call it in a transaction, with
    the subscription locked. overlap: up to MAX_OVERLAP."""
    if not timedelta(0) <= overlap <= MAX_OVERLAP:
        raise ValueError(overlap)
    end(subscription.tokens.all(), now + overlap)
    subscription.tokens.filter(expires_at__lte=now - MAX_OVERLAP).delete()
    return issue(subscription)


def authenticate(text: str, now: datetime, version: str | None = None) -> Subscription | None:
    """The subscription, not paused, of a token in force at `now`, sent as it is or in Base64.

    version: of OCPI, that the partner speaks. 2.2.1 wants Base64; 2.1.1 leaves it open, and what was seen is noted.
    """
    if not text.isascii() or not text.isprintable() or len(text) > 4 * MAX_TOKEN:
        return None
    plain = _from_base64(text)
    hashes = [hash_of(text)] + ([hash_of(plain)] if plain else [])
    if version == Version.V221:
        hashes = hashes[1:]
    in_force = Q(expires_at=None) | Q(expires_at__gt=now)
    found = (
        PullToken.objects.filter(in_force, hash__in=hashes, subscription__enabled=True)
        .select_related("subscription")
        .first()
    )
    if found is None:
        return None
    subscription = found.subscription
    encoded = bytes(found.hash) != hash_of(text)
    if version != Version.V221 and subscription.sends_base64 != encoded:
        Subscription.objects.filter(pk=subscription.pk).update(sends_base64=encoded)
        subscription.sends_base64 = encoded
    if found.last_used_at is None or now - found.last_used_at >= LAST_USED_STEP:
        PullToken.objects.filter(pk=found.pk).update(last_used_at=now)
    return subscription


def plain(text: str, subscription: Subscription) -> str:
    """A token that was let in, as it is by itself: the partner may send it in Base64."""
    decoded = _from_base64(text)
    known = decoded is not None and subscription.tokens.filter(hash=hash_of(decoded)).exists()
    return decoded if decoded is not None and known else text


def authorization(token: str, version: str) -> dict[str, str]:
    """The header by which a partner knows us; from 2.2 on its token is in Base64."""
    return {"Authorization": f"Token {token if version == Version.V211 else b64encode(token.encode()).decode()}"}


def sight_of(subscription: Subscription, version: str = Version.V211) -> Sight:
    """Read anew for each request: what is taken out of the scope is gone with the next one."""
    cpos = None
    if not subscription.all_cpos:
        cpos = with_sub_cpos(subscription.cpos.values_list("pk", flat=True))
    own: frozenset[int] = frozenset()
    if subscription.role == Role.CPO:
        party = CPO.objects.filter(country_code=subscription.country_code, party_id=subscription.party_id)
        own = with_sub_cpos(party.values_list("pk", flat=True))
    return Sight(subscription, cpos, frozenset(subscription.emsps.values_list("pk", flat=True)), own, version)


def _from_base64(text: str) -> str | None:
    try:
        plain = b64decode(text, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    return plain if 0 < len(plain) <= MAX_TOKEN and plain.isprintable() else None
