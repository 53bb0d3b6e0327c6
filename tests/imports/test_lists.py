"""Authorization lists and groups: names by Auth ID, clearing, and undo."""

from collections.abc import Callable
from typing import Any

import pytest

from authorization.models import AuthorizationListEntry as Entry
from authorization.models import GroupMember
from tests import factories
from tests.imports.conftest import Desk, counts, problems
from tokens.models import Token

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(db: None) -> Any:
    return factories.location()


@pytest.fixture
def keeper(desk_of: Callable[..., Desk], place: Any) -> Desk:
    """Of the manager of the place."""
    return desk_of(place.cpo)


def on_list(place: Any) -> list[str]:
    entries = Entry.objects.filter(location=place, token__isnull=False).order_by("pk")
    return [entry.auth_id_entered for entry in entries]


def test_auth_ids_come_onto_the_list(place: Any, keeper: Desk) -> None:
    known = factories.token(auth_id="NL-TNM-1")
    factories.listed(place, token=factories.token(auth_id="NL-TNM-2"))
    body = keeper.upload("Contract ID;Remark\nnltnm1;x\nNL-TNM-2;\nNEW-3;\n", "authorization_list", location=place)
    # Whether another party's token has an Auth ID is not this manager's to know.
    assert counts(body) == {"new": 2, "unchanged": 1, "external": 2}
    keeper.finalise(body)
    assert on_list(place) == ["NL-TNM-2", "nltnm1", "NEW-3"]
    assert Entry.objects.get(auth_id_entered="nltnm1").token == known
    assert Token.objects.get(auth_id="NEW-3").external
    place.refresh_from_db()
    assert not place.published


def test_an_admin_sees_which_are_external(place: Any, desk_of: Callable[..., Desk]) -> None:
    factories.token(auth_id="NL-TNM-1")
    body = desk_of().upload("auth_id\nNLTNM1\nNEW-3\n", "authorization_list", location=place)
    assert counts(body) == {"new": 2, "external": 1}


@pytest.mark.parametrize(
    "content", ["A1\nB2\n", "A1\r\nB2\r\n", "A1\nB2", "\ufeffA1\n\nB2\n", '"A1"\n"B2"\n', "A1;\nB2;\n"]
)
def test_one_column_needs_no_header(place: Any, keeper: Desk, content: str) -> None:
    body = keeper.bring(content, "authorization_list", location=place)
    assert body["recognised"]["header"] is False
    assert on_list(place) == ["A1", "B2"]


def test_a_title_over_one_column_is_no_name(place: Any, keeper: Desk) -> None:
    keeper.bring("Badges of the bakery\nA1\nB2\n", "authorization_list", location=place)
    assert on_list(place) == ["A1", "B2"]


def test_duplicates_are_errors(place: Any, keeper: Desk) -> None:
    body = keeper.upload("auth_id\nNL-TNM-1\nnltnm1\n\u0410B\n", "authorization_list", location=place)
    assert problems(body) == [(3, "auth_id", "This Auth ID stands twice"), (4, "auth_id", "The Auth ID may hold")]
    keeper.finalise(body, skip_errors=True)
    assert on_list(place) == ["NL-TNM-1"]


def test_clearing_takes_off_tokens_and_never_customers(place: Any, keeper: Desk) -> None:
    customer = factories.listed(place, customer=factories.customer())
    factories.listed(place, token=factories.external("OLD1"))
    factories.listed(place, token=factories.external("STAYS"))
    factories.listed(place, token=factories.token(uid="0401"))
    stays = Entry.objects.get(auth_id="STAYS")
    body = keeper.upload("auth_id\nstays\nNEW1\n", "authorization_list", location=place, clear=True)
    assert counts(body) == {"new": 1, "unchanged": 1, "external": 1, "removed": 2}
    keeper.finalise(body)
    assert on_list(place) == ["STAYS", "NEW1"]
    assert {customer.pk, stays.pk} <= set(Entry.objects.values_list("pk", flat=True))


@pytest.mark.parametrize("content", ["auth_id\nA1\nA1\n", "auth_id\n\u0410\n"])
def test_clearing_is_refused_with_any_error(place: Any, keeper: Desk, content: str) -> None:
    factories.listed(place, token=factories.external("OLD1"))
    body = keeper.upload(content, "authorization_list", location=place, clear=True)
    assert body["status"] == "refused"
    assert body["errors"]
    keeper.finalise(body, 409, skip_errors=True)
    assert on_list(place) == ["OLD1"]
    assert keeper.patch(body, clear=False)["status"] == "preview"


def test_only_lists_of_tokens_can_be_cleared(desk: Desk, emsp: Any) -> None:
    desk.upload("uid\n0401\n", expect=400, emsp=emsp, clear=True)
    group = factories.group("customer", owner_emsp=emsp)
    desk.upload("external_id\nC1\n", "group_members", 400, group=group, clear=True)


def test_undo_puts_the_list_back(place: Any, keeper: Desk) -> None:
    customer = factories.listed(place, customer=factories.customer())
    factories.listed(place, token=factories.external("OLD1"))
    bare = factories.token(uid="0401")
    factories.listed(place, token=bare)
    done = keeper.bring("auth_id\nNEW1\nNEW2\n", "authorization_list", location=place, clear=True)
    assert done["can_be_undone"] is True
    Token.objects.filter(auth_id="OLD1").delete()
    undone = keeper.step(done, "undo")
    assert undone["undone_at"]
    assert on_list(place) == ["OLD1", None]
    assert Entry.objects.filter(pk=customer.pk).exists()
    keeper.step(done, "undo", 409)


def test_undo_is_refused_once_the_list_was_touched(place: Any, keeper: Desk) -> None:
    done = keeper.bring("auth_id\nNEW1\n", "authorization_list", location=place)
    factories.listed(place, token=factories.external("LATER"))
    assert keeper.get(done)["can_be_undone"] is False
    keeper.step(done, "undo", 409)
    assert on_list(place) == ["NEW1", "LATER"]


def test_undo_cares_for_names_not_for_who_carries_them(place: Any, keeper: Desk) -> None:
    done = keeper.bring("auth_id\nNEW1\n", "authorization_list", location=place)
    factories.token(auth_id="NEW1")
    keeper.step(done, "undo")
    assert on_list(place) == []


def test_a_group_of_tokens_takes_auth_ids_of_its_owner(desk: Desk, emsp: Any, desk_of: Callable[..., Desk]) -> None:
    group = factories.group("token", owner_emsp=emsp)
    factories.token(emsp, auth_id="ODD1")
    body = desk.upload("auth_id\nNL-TNM-1\nodd1\nXX-OTHER\n", "group_members", group=group)
    assert problems(body) == [(4, "auth_id", "No Auth ID of this")]
    desk.finalise(body, skip_errors=True)
    assert set(GroupMember.objects.values_list("auth_id", flat=True)) == {"NLTNM1", "ODD1"}
    assert desk_of().upload("auth_id\nXX-OTHER\n", "group_members", group=group)["errors"] == []


def test_a_group_is_cleared_of_tokens(desk: Desk, emsp: Any) -> None:
    group = factories.group("token", factories.token(emsp, auth_id="NL-TNM-9"), owner_emsp=emsp)
    body = desk.bring("NL-TNM-1\n", "group_members", group=group, clear=True)
    assert counts(body) == {"new": 1, "external": 1, "removed": 1}
    assert list(GroupMember.objects.values_list("auth_id", flat=True)) == ["NLTNM1"]


def test_groups_of_customers_and_drivers(desk: Desk, emsp: Any) -> None:
    one, two = (factories.customer(emsp, external_id=name) for name in ("C1", "C2"))
    factories.customer(external_id="C3")
    customers, drivers = (factories.group(kind, owner_emsp=emsp) for kind in ("customer", "driver"))
    body = desk.upload("external_id\nC1\nC3\nC1\n", "group_members", group=customers)
    assert problems(body) == [
        (3, "external_id", "There is no such customer."),
        (4, "external_id", "This member stands twice in"),
    ]
    desk.finalise(body, skip_errors=True)
    assert GroupMember.objects.get(group=customers).customer == one
    wanted = factories.driver(two, external_id="D")
    factories.driver(one, external_id="D")
    body = desk.upload("external_id,customer\nD,\nD,C2\n", "group_members", group=drivers)
    assert problems(body) == [(2, "external_id", "Several drivers have this external")]
    desk.finalise(body, skip_errors=True)
    assert GroupMember.objects.get(group=drivers).driver == wanted


def test_groups_of_places(place: Any, keeper: Desk) -> None:
    group = factories.group("location", owner_cpo=place.cpo)
    foreign = factories.location(location_id="ELSEWHERE")
    body = keeper.upload(f"{place.location_id}\n{foreign.location_id}\n", "group_members", group=group)
    assert problems(body) == [(2, "location_id", "There is no such location.")]
    keeper.finalise(body, skip_errors=True)
    assert GroupMember.objects.get(group=group).location == place
    companies = factories.group("cpo", owner_cpo=place.cpo)
    code = f"{place.cpo.country_code}*{place.cpo.party_id}".lower()
    keeper.bring(f"cpo\n{code}\n", "group_members", group=companies)
    assert GroupMember.objects.get(group=companies).cpo == place.cpo
