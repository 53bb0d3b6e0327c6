"""The second factor: an authenticator app's codes (TOTP), and recovery codes for the day on which the phone is gone.

Who has the database alone has neither: an app's secret follows from what is stored and SECRET_KEY, recovery codes are
stored as hashes.
"""

import re
import secrets
from base64 import b32encode
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken

from locations.access import is_admin
from portal.login.models import Authenticator
from portal.login.sessions import end_sessions

RECOVERY_CODES = 10
NAME = "authenticator"
CODES_NAME = "recovery codes"


def required(user: User) -> bool:
    """Whether nobody gets in as this user without one."""
    return bool(settings.PRODUCTION and (settings.SECOND_FACTOR_FOR_ALL or is_admin(user)))


def has_one(user: User) -> bool:
    return bool(Authenticator.objects.filter(user=user, confirmed=True).exists())


def begin(user: User) -> Any:
    """The app that the user is about to set up: the same one until it has shown a right code."""
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        return Authenticator.objects.get_or_create(user=user, confirmed=False, defaults={"name": NAME})[0]


def confirm(user: User, code: str) -> list[str] | None:
    """Takes the app into use if its code is right, in place of an earlier one. Returns new recovery codes."""
    with transaction.atomic():
        device = Authenticator.objects.select_for_update().filter(user=user, confirmed=False).first()
        if device is None or not device.verify_token(_plain(code)):
            return None
        Authenticator.objects.filter(user=user, confirmed=True).delete()
        device.confirmed = True
        device.save(update_fields=["confirmed"])
        return new_codes(user)


def verify(user: User, text: str) -> bool:
    """Whether it is a code of the user's app, or a recovery code, which is used up by that.

    Wrong ones make the next try wait, twice as long each time.
    """
    plain = _plain(text)
    with transaction.atomic():
        if re.fullmatch(r"[0-9]{6}", plain):
            device = Authenticator.objects.select_for_update().filter(user=user, confirmed=True).first()
            return device is not None and bool(device.verify_token(plain))
        codes = StaticDevice.objects.select_for_update().filter(user=user).first()
        return codes is not None and bool(codes.verify_token(_hash(plain)))


def new_codes(user: User) -> list[str]:
    """Recovery codes in place of those before; nobody gets to see them again."""
    texts = [b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)]
    with transaction.atomic():
        StaticDevice.objects.filter(user=user).delete()
        device = StaticDevice.objects.create(user=user, name=CODES_NAME)
        StaticToken.objects.bulk_create(StaticToken(device=device, token=_hash(text)) for text in texts)
    return ["-".join(text[at : at + 4] for at in range(0, len(text), 4)) for text in texts]


def codes_left(user: User) -> int:
    return int(StaticToken.objects.filter(device__user=user).count())


def remove(user: User, *, sessions: bool = True) -> None:
    """The user has none from now on; who got in with it is out again, unless it is the user who removes it."""
    with transaction.atomic():
        Authenticator.objects.filter(user=user).delete()
        StaticDevice.objects.filter(user=user).delete()
        if sessions:
            end_sessions(user)


def _plain(text: str) -> str:
    return re.sub(r"[\s-]", "", text).lower()


def _hash(text: str) -> str:
    # As many bits as a code has, and as many letters as the column.
    return b32encode(sha256(text.encode()).digest()[:10]).decode()
