"""What the log keeps of an id: a keyed hash, and of an unknown one a seal.

An operator may have to read for some days which unknown card it was, and nobody after that. Both keys follow from
SECRET_KEY; whoever has the database alone reads nothing.
"""

from base64 import urlsafe_b64encode
from functools import cache
from hashlib import blake2b

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

KEPT_DAYS = 7


def seal(text: str) -> str:
    return _box().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str | None:
    """What was sealed; None where nothing was, or under a key that is not known any more."""
    try:
        return _box().decrypt(sealed.encode()).decode() if sealed else None
    except InvalidToken:
        return None


@cache
def _box() -> MultiFernet:
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    keys = [blake2b(str(secret).encode(), digest_size=32, person=b"chargeward.seal").digest() for secret in secrets]
    return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in keys])


def pseudonym(form: str) -> str:
    """A keyed hash of an id in normal form: the same card gives the same text, and nobody can go back. "" for none."""
    if not form:
        return ""
    digest = _keyed().copy()
    digest.update(form.encode())
    return digest.hexdigest()


def pseudonyms(form: str) -> list[str]:
    """As pseudonym(), and what it was under the keys before this one."""
    found = []
    for keyed in map(_keyed_by, [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS] if form else []):
        digest = keyed.copy()
        digest.update(form.encode())
        found.append(digest.hexdigest())
    return found


@cache
def _keyed() -> blake2b:
    return _keyed_by(settings.SECRET_KEY)


def _keyed_by(secret: str | bytes) -> blake2b:
    key = blake2b(str(secret).encode(), digest_size=32, person=b"chargeward.token").digest()
    return blake2b(digest_size=16, key=key)
