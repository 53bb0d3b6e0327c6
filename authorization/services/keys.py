"""API keys: made once, shown once, kept as a hash."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone

from authorization.models import ApiKey
from locations.models import CPO, ChargeStation

LAST_USED_STEP = timedelta(minutes=1)
MAX_OVERLAP = timedelta(days=90)
SCOPES = ("station", "cpo", "user")
_KEY = re.compile(r"cw_([0-9A-Za-z]{1,16})_[!-~]{1,180}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Partner:
    """What a partner platform may ask about: tokens of these eMSPs, at places of these CPOs (None: of all)."""

    cpos: frozenset[int] | None
    emsps: frozenset[int]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the key, and what it is for. Exactly one of station, cpo, user and partner is set, or portal.

    portal: the portal itself, which reaches everything. key: 0 where none was shown, below 0 for a partner: no API
    key has such a number.
    """

    key: int
    label: str
    station: int | None = None
    cpo: int | None = None
    user: User | None = None
    portal: bool = False
    partner: Partner | None = None


def create_key(
    *,
    name: str = "",
    station: ChargeStation | None = None,
    cpo: CPO | None = None,
    user: Any = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its text, which is shown now or never. Raises ValidationError unless it has one scope."""
    prefix, secret = secrets.token_hex(5), secrets.token_urlsafe(24)
    text = f"cw_{prefix}_{secret}"
    scope = {"station": station, "cpo": cpo, "user": user}
    key = ApiKey(name=name, prefix=prefix, hash=hash_of(text), expires_at=expires_at, **scope)
    key.full_clean(exclude=["hash"])
    key.save()
    return key, text


def authenticate(text: str, now: datetime) -> Caller | None:
    """The caller of a key in force at `now`; None for any other. One query, each time: revoking holds at once."""
    prefix = prefix_of(text)
    if prefix is None:
        return None
    key = ApiKey.objects.select_related("user", "station", "cpo").filter(prefix=prefix).first()
    if key is None or not hmac.compare_digest(bytes(key.hash), hash_of(text)) or not in_force(key, now):
        return None
    if key.last_used_at is None or now - key.last_used_at >= LAST_USED_STEP:
        _note_use(key, now)
    return Caller(key.pk, _label(key), key.station_id, key.cpo_id, key.user)


def prefix_of(text: str) -> str | None:
    """The part of a key by which it is found; None for what cannot be a key."""
    match = _KEY.fullmatch(text)
    return match[1] if match else None


def in_force(key: ApiKey, now: datetime) -> bool:
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        return False
    return key.user is None or bool(key.user.is_active)


def state(key: ApiKey, now: datetime) -> str:
    """`in force`, `expired`, `revoked`, or `user disabled`."""
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= now:
        return "expired"
    return "in force" if in_force(key, now) else "user disabled"


def in_state(name: str, now: datetime) -> Q:
    """The keys of which `state` says so."""
    revoked, expired = Q(revoked_at__isnull=False), Q(expires_at__lte=now)
    disabled = Q(user__is_active=False)
    return {
        "revoked": revoked,
        "expired": expired & ~revoked,
        "user disabled": disabled & ~expired & ~revoked,
        "in force": ~revoked & ~expired & ~disabled,
    }[name]


def scope_of_key(key: ApiKey) -> str:
    """Which of SCOPES the key is for."""
    return next(name for name in SCOPES if getattr(key, f"{name}_id") is not None)


def check_change(key: ApiKey, given: dict[str, Any]) -> None:
    """Whose a key is stays, and so does that it was revoked. given: field → value. Raises ValidationError, by field."""
    for scope in SCOPES:
        if scope in given and given[scope] != getattr(key, scope):
            raise ValidationError({scope: "Whose a key is cannot be changed: make another one."})
    if key.revoked_at and given.get("revoked_at", True) is None:
        raise ValidationError({"revoked_at": "A revoked key stays revoked: make another one."})


def revoke(key: ApiKey) -> None:
    """Refuses the key from now on. A key revoked before keeps its time."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
    key.refresh_from_db(fields=["revoked_at"])


class KeyIsOver(Exception):
    """A key that is refused already has nothing to hand over."""

    def __init__(self) -> None:
        super().__init__("This key was revoked, or has expired: make a new one.")


def rotate(old: ApiKey, overlap: timedelta, now: datetime) -> tuple[ApiKey, str]:
    """A new key of the same name and scope, and its text; the old one expires after the overlap, if not before.

    The new key has no expiry. overlap: up to MAX_OVERLAP. Call it in a transaction, with the old row locked. Raises
    KeyIsOver.
    """
    if not timedelta(0) <= overlap <= MAX_OVERLAP:
        raise ValueError(overlap)
    if not in_force(old, now):
        raise KeyIsOver
    old.expires_at = min(old.expires_at or now + overlap, now + overlap)
    old.save(update_fields=["expires_at"])
    return create_key(name=old.name, station=old.station, cpo=old.cpo, user=old.user)


def hash_of(text: str) -> bytes:
    """What is kept of a text that has random bits enough to need no salt."""
    return hashlib.sha256(text.encode()).digest()


def _label(key: ApiKey) -> str:
    if key.station is not None:
        return f"{key.prefix} station {key.station.identity}"
    return f"{key.prefix} CPO {key.cpo.code}" if key.cpo is not None else f"{key.prefix} user {key.user}"


def _note_use(key: ApiKey, now: datetime) -> None:
    # Of many requests in the same minute one writes.
    ApiKey.objects.filter(Q(last_used_at=None) | Q(last_used_at__lte=now - LAST_USED_STEP), pk=key.pk).update(
        last_used_at=now
    )
