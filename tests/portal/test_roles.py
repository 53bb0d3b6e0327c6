"""The roles that `migrate` keeps, and grants that go with what they are about."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from locations.access import MANAGE_CPO, grant, grants, is_admin, scope_of
from locations.models import CPO
from portal import roles
from tests import factories
from tests.portal.pages import filled, send
from tests.refusals import sql
from tokens.access import MANAGE_EMSP
from tokens.models import EMSP

pytestmark = pytest.mark.django_db
PARTIES = (MANAGE_CPO, CPO), (MANAGE_EMSP, EMSP)


def held(role: str) -> set[str]:
    rows = Permission.objects.filter(group__name=role).select_related("content_type")
    return {f"{row.content_type.app_label}.{row.codename}" for row in rows}


def test_every_role_is_there_with_its_permissions() -> None:
    for name in (roles.ADMIN, roles.CPO_MANAGER, roles.EMSP_MANAGER):
        assert held(name) == roles.permissions_of(name)
        assert len(held(name)) > 10


def test_deleting_is_an_admins_alone() -> None:
    for name in (roles.CPO_MANAGER, roles.EMSP_MANAGER):
        assert not [codename for codename in held(name) if ".delete_" in codename]
    assert "tokens.delete_token" in held(roles.ADMIN)


def test_migrate_brings_them_up_to_date_and_leaves_others_alone() -> None:
    Group.objects.get(name=roles.CPO_MANAGER).permissions.clear()
    own = Group.objects.create(name="Reader")
    own.permissions.add(Permission.objects.get(codename="view_token"))
    call_command("migrate", verbosity=0)
    assert held(roles.CPO_MANAGER) == roles.permissions_of(roles.CPO_MANAGER)
    assert held("Reader") == {"tokens.view_token"}


def test_an_admins_role_makes_an_admin() -> None:
    user = User.objects.create(username="ann")
    assert not is_admin(user)
    user.groups.add(Group.objects.get(name=roles.ADMIN))
    assert is_admin(user)
    assert scope_of(user).everything
    user.is_active = False
    assert not is_admin(user)
    assert scope_of(user).cpos == frozenset()


def test_a_permission_of_ones_own_makes_no_admin() -> None:
    user = User.objects.create(username="ann")
    user.user_permissions.set(Permission.objects.all())
    assert not is_admin(user)


@pytest.mark.parametrize("how", ["the model", "SQL"])
def test_a_grant_goes_with_its_party(how: str) -> None:
    user, cpo, emsp, stays = User.objects.create(username="ann"), factories.cpo(), factories.emsp(), factories.cpo()
    grant(user, MANAGE_CPO, cpo), grant(user, MANAGE_EMSP, emsp), grant(user, MANAGE_CPO, stays)
    if how == "SQL":
        sql("DELETE FROM locations_cpo WHERE id = %s", cpo.pk)
        sql("DELETE FROM tokens_emsp WHERE id = %s", emsp.pk)
    else:
        cpo.delete()
        emsp.delete()
    assert [row.object_pk for row in grants(*PARTIES)] == [str(stays.pk)]


def test_grants_are_given_on_the_users_page(boss: Client) -> None:
    user, cpo, emsp = User.objects.create_user("ann", password="x"), factories.cpo(), factories.emsp()
    gone = factories.cpo()
    grant(user, MANAGE_CPO, gone)
    url = reverse("admin:auth_user_change", args=[user.pk])
    assert filled(boss, url)["cpos"] == [str(gone.pk)]
    assert send(boss, url, cpos=[str(cpo.pk)], emsps=[str(emsp.pk)]).status_code == 302
    assert scope_of(user).granted == {MANAGE_CPO: {cpo.pk}, MANAGE_EMSP: {emsp.pk}}
    assert filled(boss, url)["emsps"] == [str(emsp.pk)]
