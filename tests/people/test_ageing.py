"""What is old loses whom it is about, or goes."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from chargers.models import AuthorizationInUse, Command
from chargers.tasks import forget_messages
from imports.models import Import
from imports.tasks import forget as forget_imports
from people import ageing, tasks
from subscriptions.models import Delivery, Relayed
from subscriptions.tasks import forget as forget_deliveries
from tests import factories
from tests.people import canary
from tests.portal.test_admin import a_command, in_use
from tests.refusals import sql
from tokens.models import Token

pytestmark = pytest.mark.django_db


def test_the_history_ages(settings: LazySettings, monkeypatch: pytest.MonkeyPatch, emsp: Any) -> None:
    monkeypatch.setattr(ageing, "BATCH", 2)
    for n in range(5):
        factories.token(emsp, uid=f"04AA{n:02}", auth_id=f"NL-TNM-C{n}")
    Token.objects.update(visual_number="7")
    sql("UPDATE tokens_tokenevent SET pgh_created_at = now() - interval '400 days' WHERE pgh_label = 'insert'")
    settings.HISTORY_NAMES_KEPT_DAYS = 500
    assert tasks.age() == 0
    settings.HISTORY_NAMES_KEPT_DAYS = 300
    assert tasks.age() == 5
    told = sql("SELECT pgh_label, count(*), count(*) FILTER (WHERE uid = 'erased') FROM tokens_tokenevent GROUP BY 1")
    assert sorted(told) == [("insert", 5, 5), ("update", 5, 0)]
    assert tasks.age() == 0
    assert Token.objects.filter(uid="04AA03").exists()
    settings.HISTORY_NAMES_KEPT_DAYS = 0
    sql("UPDATE tokens_tokenevent SET pgh_created_at = now() - interval '4000 days'")
    assert tasks.age() == 0


def test_imports_forget_their_first_rows(desk: Any, emsp: Any, settings: LazySettings) -> None:
    desk.bring(canary.FILE.replace(f";{canary.EXTERNAL_ID}", ";"), emsp=emsp)
    assert Import.objects.get().first_rows
    settings.IMPORT_ROWS_KEPT_DAYS = 30
    Import.objects.update(touched_at=timezone.now() - timedelta(days=20))
    assert forget_imports() == 0
    settings.IMPORT_ROWS_KEPT_DAYS = 14
    assert forget_imports() == 1
    assert Import.objects.get().first_rows == []


def test_uses_and_commands_go_with_the_log(settings: LazySettings) -> None:
    settings.LOG_KEPT_DAYS = 30
    old = timezone.now() - timedelta(days=31)
    kept = in_use(token_key="t1", began_at=old)
    in_use(token_key="t2", began_at=old, ended_at=old, ended_by="reported")
    a_command(created_at=old)
    stays = a_command()
    assert forget_messages() == 2
    assert (AuthorizationInUse.objects.get(), Command.objects.get()) == (kept, stays)


def test_deliveries_sessions_and_cdrs_go(settings: LazySettings, pushed: Any) -> None:
    now = timezone.now()
    partner = pushed(factories.cpo(), only=["tokens", "sessions", "cdrs"])
    ends = {row.module: row for row in partner.endpoints.all()}
    sender = factories.subscription(role="CPO")

    def relayed(kind: str, days: int) -> Relayed:
        return Relayed.objects.create(
            kind=kind, subscription=sender, country_code="NL", party_id="ABC", object_id=f"{kind}{days}", body={},
            updated_at=now - timedelta(days=days),
        )  # fmt: skip

    def delivery(module: str, of: int, days: int, **fields: Any) -> Delivery:
        at = now - timedelta(days=days)
        values = {"state": "delivered", "version": 1, "since": at, "next_at": at, "attempts": 0, "known": False}
        return Delivery.objects.create(endpoint=ends[module], object_id=of, delivered_at=at, gone=[], **values | fields)

    settings.SESSIONS_KEPT_DAYS, settings.CDRS_KEPT_DAYS, settings.DELIVERIES_KEPT_DAYS = 100, 0, 10
    stays = {relayed("sessions", 99).pk, relayed("cdrs", 5000).pk}
    gone = relayed("sessions", 101)
    delivery("sessions", gone.pk, 101, sent={"id": "x"})
    delivery("tokens", 1, 11, sent=None)
    delivery("tokens", 2, 14, state="parked")
    left = {delivery("tokens", 3, 11, sent={"uid": "x"}).pk, delivery("tokens", 4, 12, state="parked").pk}
    left.add(delivery("tokens", 5, 400, state="waiting").pk)
    assert forget_deliveries() == 4
    assert set(Relayed.objects.values_list("pk", flat=True)) == stays
    assert set(Delivery.objects.values_list("pk", flat=True)) == left
