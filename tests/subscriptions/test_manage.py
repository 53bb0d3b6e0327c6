"""Subscriptions in the management API and on their pages; the tokens that partners send."""

import re
from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from subscriptions import services
from subscriptions.models import PullToken, Subscription
from tests import factories
from tests.conftest import ApiClient
from tests.subscriptions.conftest import Platform

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/subscriptions/"


def partner(**fields: Any) -> dict[str, Any]:
    return {"name": "Gireve", "country_code": "fr", "party_id": "gir", "role": "EMSP", "modules": ["tokens"]} | fields


def lets_in(text: str) -> bool:
    return Platform(text).ask("get", "versions").http == 200


def test_the_api_makes_changes_and_rotates(admin_api: ApiClient) -> None:
    cpo, emsp = factories.cpo(), factories.emsp()
    answer = admin_api.post(ADDRESS, partner(cpos=[cpo.pk], emsps=[emsp.pk], modules=["tokens", "locations"]))
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["country_code"], made["party_id"], made["cpos"], made["emsps"]) == ("FR", "GIR", [cpo.pk], [emsp.pk])
    assert made["modules"] == ["locations", "tokens"]
    text = made["token"]
    assert len(text) <= 64
    assert lets_in(text)
    own = f"{ADDRESS}{made['id']}/"
    assert "token" not in admin_api.get(own).json()
    assert text not in admin_api.get(ADDRESS).content.decode()
    assert admin_api.post(ADDRESS, partner()).status_code == 400
    assert admin_api.patch(own, {"role": "CPO"}).status_code == 400
    assert admin_api.patch(own, {"modules": ["tariffs"]}).status_code == 400
    answer = admin_api.patch(own, {"enabled": False, "cpos": [], "modules": []})
    assert (answer.json()["cpos"], answer.json()["modules"]) == ([], [])
    assert not lets_in(text)
    admin_api.patch(own, {"enabled": True})
    second = admin_api.post(f"{own}rotate/", {"overlap_hours": 1}).json()["token"]
    assert lets_in(text)
    assert lets_in(second)
    third = admin_api.post(f"{own}rotate/", {"overlap_hours": 0}).json()["token"]
    assert [lets_in(each) for each in (text, second, third)] == [False, False, True]
    assert admin_api.delete(own).status_code == 204
    assert not lets_in(third)


def test_subscriptions_are_admins_business(client_of: Any) -> None:
    cpo = factories.cpo()
    subscription = factories.subscription(cpo)
    for user in (factories.manager(cpo), factories.manager(factories.emsp())):
        api = client_of(user=user)
        for answer in (api.get(ADDRESS), api.get(f"{ADDRESS}{subscription.pk}/"), api.post(ADDRESS, partner())):
            assert answer.status_code == 403


def test_tokens_come_plain_and_in_base64() -> None:
    subscription = factories.subscription()
    text = services.issue(subscription)
    encoded = b64encode(text.encode()).decode()
    for sent, seen in ((encoded, True), (text, False)):
        assert lets_in(sent)
        subscription.refresh_from_db()
        assert subscription.sends_base64 is seen
    (token,) = PullToken.objects.all()
    assert token.last_used_at is not None
    assert text.encode() not in bytes(token.hash)


@pytest.mark.parametrize(
    "header", [None, "", "Token", "Token ", "Token x", "Basic x", "Bearer x", "Token \u00e4", "Token " + "x" * 5000]
)
def test_nobody_else_is_let_in(header: str | None) -> None:
    sent: Any = {} if header is None else {"HTTP_AUTHORIZATION": header}
    for path in ("versions", "2.1.1/", "2.1.1/locations/", "2.1.1/tokens/A/authorize", "nowhere"):
        answer = Client(**sent).get(f"/ocpi/{path}")
        assert (answer.status_code, answer.json()["status_code"]) == (401, 2000)
        assert answer.headers["WWW-Authenticate"].startswith("Token")


def test_old_tokens_are_forgotten() -> None:
    subscription = factories.subscription()
    now = timezone.now()
    services.issue(subscription)
    for days in (0, 1, 200):
        services.rotate(subscription, timedelta(0), now + timedelta(days=days))
    # The one in force, and the one that it follows.
    assert subscription.tokens.count() == 2
    with pytest.raises(ValueError, match="91 days"):
        services.rotate(subscription, timedelta(days=91), now)


def test_the_pages_show_a_token_once() -> None:
    boss = Client()
    boss.force_login(factories.admin())
    cpo = factories.cpo()
    form = partner(country_code="FR", cpos=[cpo.pk], enabled="on", modules=["tokens", "cdrs"])
    page = boss.post("/admin/subscriptions/subscription/add/", form)
    shown = re.search(r'value="(cwp_[^"]+)"', page.content.decode())
    assert shown is not None
    assert lets_in(shown[1])
    subscription = Subscription.objects.get()
    assert (list(subscription.cpos.all()), subscription.modules) == ([cpo], ["tokens", "cdrs"])
    own = f"/admin/subscriptions/subscription/{subscription.pk}"
    listed = boss.get("/admin/subscriptions/subscription/").content.decode()
    assert "charge tokens, CDRs" in listed
    assert shown[1] not in listed + boss.get(f"{own}/change/").content.decode()
    assert boss.get(f"{own}/rotate/").status_code == 200
    page = boss.post(f"{own}/rotate/", {"overlap": "0"})
    following = re.search(r'value="(cwp_[^"]+)"', page.content.decode())
    assert following is not None
    assert lets_in(following[1])
    assert not lets_in(shown[1])
    answer = boss.post(f"{own}/change/", {"name": "Gireve", "modules": ["tokens"], "enabled": "on", "all_cpos": "on"})
    assert answer.status_code == 302
    subscription.refresh_from_db()
    assert (subscription.all_cpos, subscription.country_code, subscription.modules) == (True, "FR", ["tokens"])
    assert User.objects.count() == 1
