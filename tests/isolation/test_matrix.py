"""Every URL × every method × everybody × own, foreign and missing ids: what is not one's own is not there."""

from typing import Any

import pytest
from django.contrib import admin

from tests.isolation import urls
from tests.isolation.conftest import Asker
from tests.isolation.urls import BY_NAME
from tests.isolation.world import MISSING, NAME, SECRET, World

pytestmark = pytest.mark.django_db
METHODS = ("get", "head", "options", "post", "put", "patch", "delete")


def test_every_url_is_known() -> None:
    assert urls.unknown() == []


def test_the_api_says_nothing_foreign_beside_ones_own(asker: Asker, world: World) -> None:
    for address in urls.addresses(world.own, "/api/"):
        for method in METHODS if asker.manages else ("get", "post"):
            answer = asker.ask(method, address)
            assert not asker.learns(answer), (method, address)
            assert not asker.refused or '"results":[' not in answer.content.decode(), (method, address)


def test_the_admin_says_nothing_foreign(asker: Asker, world: World) -> None:
    for which in (world.own, world.foreign):
        for address in urls.addresses(which, "/admin/"):
            for method in ("get", "post") if asker.manages else ("get",):
                answer = asker.ask(method, address)
                assert not asker.learns(answer), (method, address)
                assert answer.status_code in (200, 302, 403, 404, 405), (method, address)


def test_foreign_objects_answer_as_missing_ones(asker: Asker, world: World) -> None:
    for kind, prefix in urls.api_lists():
        if kind in BY_NAME and asker.sees_names:
            continue
        for foreign in urls.objects(prefix, world.foreign):
            sent = foreign.removeprefix(prefix).split("/")[0]
            missing = foreign.replace(sent, str(MISSING), 1)
            for method in ("get", "post", "patch", "delete") if asker.manages else ("get", "delete"):
                answer, other = asker.ask(method, foreign), asker.ask(method, missing)
                assert not asker.learns(answer, sent), (method, foreign)
                assert _normal(answer, sent) == _normal(other, str(MISSING)), (method, foreign)
                assert answer.status_code in (401, 403, 404, 405), (method, foreign)


def _normal(answer: Any, sent: str) -> tuple[int, str, dict[str, str]]:
    """Status, body and headers, without the id that was asked for, and what each answer has of its own."""
    own = ("Content-Length", "X-Request-ID")
    headers = {name: value.replace(sent, "ID") for name, value in answer.headers.items() if name not in own}
    return answer.status_code, answer.content.decode().replace(sent, "ID"), headers


def test_who_sees_a_place_by_name_changes_nothing_there(asker: Asker, world: World) -> None:
    for kind, prefix in urls.api_lists():
        for address in urls.objects(prefix, world.foreign) if kind in BY_NAME else ():
            for method in ("post", "patch", "delete"):
                assert asker.ask(method, address).status_code >= 400, (method, address)


def test_lists_hold_ones_own_and_nothing_else(asker: Asker, world: World) -> None:
    for kind, address in urls.api_lists():
        for query in ({}, {"after": "0"}, {"page_size": "1000"}):
            answer = asker.ask("get", address, query)
            if answer.status_code != 200:
                assert answer.status_code in (401, 403)
                continue
            shown = answer.json()
            pks = {row["id"] for row in shown["results"]}
            foreign = {world.foreign.pk(which) for which in urls.KINDS[kind]}
            assert not pks & foreign or (kind in BY_NAME and asker.sees_names), (kind, pks)
            assert shown["count"] in (None, len(pks))


def test_the_admins_autocomplete_offers_nothing_foreign(asker: Asker) -> None:
    for model in admin.site._registry:
        for field in model._meta.get_fields():
            if field.is_relation and field.concrete:
                options = model._meta
                query = {"app_label": options.app_label, "model_name": options.model_name, "field_name": field.name}
                for term in ("", SECRET, f"{SECRET} city", NAME):
                    answer = asker.ask("get", "/admin/autocomplete/", query | {"term": term})
                    assert answer.status_code in (200, 302, 403, 404), query
                    # A redirection to the log-in repeats the question.
                    assert answer.status_code == 302 or not asker.learns(answer, term), (query, term)
                    names_asked = NAME in term or not term
                    assert answer.status_code != 200 or names_asked or not answer.json()["results"], (query, term)
