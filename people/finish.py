"""What of an erasure has to wait: until nodes, stations and partners have heard of it, and late rows of the log are in.

Nothing waits for longer than LONGEST: then it goes though somebody has not heard.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from authorization.models import ChangedKeys
from authorization.tasks import make_copies_anew
from chargers.models import AuthorizationInUse, StationMessage
from people.erase import disconnect, forget_told
from people.models import Erasure
from subscriptions.models import Delivery, PushEndpoint

SETTLED = timedelta(minutes=15)  # nodes have followed by then, and shipped what they had decided
LONGEST = timedelta(days=7)


def finish(now: datetime) -> int:
    """Goes on with what is not finished; how many are now."""
    done = 0
    for pk in (
        Erasure.objects.filter(finished_at=None, at__lte=now - SETTLED).order_by("at").values_list("pk", flat=True)
    ):
        with transaction.atomic():
            record = Erasure.objects.select_for_update(skip_locked=True).filter(pk=pk, finished_at=None).first()
            done += record is not None and _go_on(record, now)
    return done


def _go_on(record: Erasure, now: datetime) -> bool:
    pending: dict[str, Any] = record.pending or {}
    late = disconnect(pending.get("tokens", []), pending.get("marks", []), record.at)
    if late:
        record.counts["authorization_decision"] = record.counts.get("authorization_decision", 0) + late
    _forget_notices(pending)
    if pending.pop("copies", False):
        make_copies_anew()
    waits = _messages_wait(pending, now - record.at > LONGEST) + _deliveries_wait(pending, now - record.at > LONGEST)
    if waits:
        record.pending = pending
    else:
        record.pending, record.finished_at = None, now
    record.save(update_fields=["counts", "pending", "finished_at"])
    return not waits


def _forget_notices(pending: dict[str, Any]) -> None:
    """Without its keys a notice says that all of a kind changed: who has not followed it yet reads that anew."""
    ChangedKeys.objects.filter(pk__in=pending.pop("keys", [])).update(keys=None)


def _messages_wait(pending: dict[str, Any], over: bool) -> int:
    """To stations. How many have not been delivered."""
    used = pending.get("uses", [])
    about = StationMessage.objects.filter(use__in=used, body__data__has_key="id_token")
    if over:
        about.delete()
    forget_told(used)
    waits = about.filter(delivered_at=None).count()
    if not waits:
        AuthorizationInUse.objects.filter(pk__in=used).update(reference=None)
    return waits


def _deliveries_wait(pending: dict[str, Any], over: bool) -> int:
    """To partners, which are told that the token is not valid any more. How many wait."""
    endpoints = PushEndpoint.objects.filter(module="tokens").values("pk")
    about = Delivery.objects.filter(endpoint__in=endpoints, object_id__in=pending.get("tokens", []))
    (about if over else about.filter(state="delivered")).delete()
    return about.count()
