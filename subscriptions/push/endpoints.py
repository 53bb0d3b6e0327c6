"""What an operator sets and does about push: endpoints, the token to send, the secret to sign with, tests, retries."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from authorization.sealed import seal
from subscriptions.models import Delivery, Module, PartnerAccess, PushEndpoint, Subscription
from subscriptions.push import signing
from subscriptions.push.outgoing import Answer, Line
from subscriptions.push.runner import CHANNEL
from subscriptions.push.turns import Access
from subscriptions.services import MAX_TOKEN

OVERLAP = timedelta(days=1)  # for which a secret signs on beside the one that follows it
MAX_URL = 500


def check_url(url: str) -> str:
    """The URL of a partner, as it was given. Raises ValidationError. Where it leads is looked at when it is asked."""
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= MAX_URL
    if not fine or not plain or "@" in parts.netloc or parts.fragment or parts.query:
        raise ValidationError(_("This is no address like https://partner.example/ocpi/emsp/2.1.1/locations."))
    return url


def check_token(text: str) -> str:
    """A token to send. Raises ValidationError."""
    if not 1 <= len(text) <= MAX_TOKEN or not text.isascii() or not text.isprintable() or " " in text:
        raise ValidationError(_("A token is at most 64 printable characters without spaces."))
    return text


def set_up(
    subscription: Subscription, endpoints: Mapping[str, str | None] | None = None, token: str | None = None
) -> str | None:
    """Sets where to push, and with which token; the signing secret where one was made, which is shown now or never.

    endpoints: module → URL, None or empty for none; modules that are not named stay. Call it in a transaction, with the
    subscription locked. Raises ValidationError.
    """
    access, _made = PartnerAccess.objects.get_or_create(subscription=subscription)
    if token:
        access.token_sealed = seal(check_token(token))
    secret = None
    for module, url in (endpoints or {}).items():
        if module not in Module.values:
            raise ValidationError(_("There is no module %(module)s.") % {"module": module})
        secret = _set(subscription, access, module, url or "") or secret
    # Asked anew: what was prefetched is from before.
    if PushEndpoint.objects.filter(subscription=subscription).exists() and not access.token_sealed:
        raise ValidationError(_("Give the token to send: without it the partner does not know who pushes."))
    access.save()
    return secret


def _set(subscription: Subscription, access: PartnerAccess, module: str, url: str) -> str | None:
    if not url:
        subscription.endpoints.filter(module=module).delete()
        return None
    row = subscription.endpoints.filter(module=module).first() or PushEndpoint(subscription=subscription, module=module)
    if row.url != check_url(url):
        row.url = url
        row.off_at = row.next_at = row.failing_since = None
        row.failures = 0
        row.save()
    if access.secret_sealed:
        return None
    secret = signing.new_secret()
    access.secret_sealed = seal(secret)
    return secret


def new_secret(subscription: Subscription, now: datetime) -> str:
    """Another secret to sign with, shown now or never. The one before signs beside it for OVERLAP."""
    access, _made = PartnerAccess.objects.get_or_create(subscription=subscription)
    if access.secret_sealed:
        access.previous_sealed, access.previous_until = access.secret_sealed, now + OVERLAP
    secret = signing.new_secret()
    access.secret_sealed = seal(secret)
    access.save()
    return secret


def pause(subscription: Subscription) -> None:
    """The partner is sent nothing, and refused, until `resume`. What changes meanwhile is kept for it."""
    Subscription.objects.filter(pk=subscription.pk).update(enabled=False)
    subscription.enabled = False


def resume(subscription: Subscription) -> None:
    """Goes on; an endpoint that had switched itself off is on again, and nothing counts as tried for long."""
    now = timezone.now()
    Subscription.objects.filter(pk=subscription.pk).update(enabled=True)
    subscription.enabled = True
    subscription.endpoints.update(off_at=None, next_at=None, failures=0, failing_since=None)
    Delivery.objects.filter(endpoint__subscription=subscription, state="waiting").update(
        since=now, next_at=now, attempts=0
    )
    _wake()


def resend(subscription: Subscription, pks: list[int] | None = None) -> int:
    """Has deliveries sent again, whole: these, or all that are parked; how many.

    CDRs and messages are sent once: what the partner took in is not sent again.
    """
    rows = Delivery.objects.filter(endpoint__subscription=subscription)
    rows = rows.filter(state="parked") if pks is None else rows.filter(pk__in=pks)
    once = Q(endpoint__module__in=[Module.CDRS, Module.NOTIFICATIONS])
    again = {"state": "waiting", "since": timezone.now(), "next_at": timezone.now(), "attempts": 0}
    count = _update(rows.filter(once).exclude(state="delivered"), again)
    count += _update(rows.exclude(once), again | {"sent": None, "known": True})
    subscription.endpoints.update(next_at=None)
    _wake()
    return count


def _update(rows: QuerySet[Delivery], fields: dict[str, Any]) -> int:
    return Delivery.objects.filter(pk__in=rows.values("pk")).update(version=F("version") + 1, **fields)


def _wake() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])


class Tested(NamedTuple):
    """What an endpoint answered to a test. reached: it answers, and lets us in."""

    pk: int
    endpoint: PushEndpoint
    answer: Answer

    @property
    def reached(self) -> bool:
        http = self.answer.http
        return http is not None and http < 500 and http not in (401, 403, 408, 410, 429)


def try_out(subscription: Subscription, module: str | None = None) -> list[Tested]:
    """Asks the endpoints, or one, and what came of it: nothing changes at the partner's.

    A GET of the endpoint itself, signed as a delivery would be. Many answer 404 or 405 to it: that it is reached, and
    that the token is taken, is what the answer shows. All at once, so that it takes no longer than the slowest.
    """
    rows = [row for row in subscription.endpoints.all() if module in (None, row.module)]
    access = Access.of(subscription.pk, timezone.now())

    def ask(row: PushEndpoint) -> Answer:
        with Line() as line:
            return line.ask("GET", row.url, access.headers(f"msg_test_{row.pk}", b""))

    with ThreadPoolExecutor(max(len(rows), 1)) as threads:
        asked = [threads.submit(copy_context().run, ask, row) for row in rows]
        return [Tested(row.pk, row, each.result()) for row, each in zip(rows, asked, strict=True)]
