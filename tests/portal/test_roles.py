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


def test_a_user_is_made_with_role_and_parties(boss: Client) -> None:
    cpo, emsp, role = factories.cpo(), factories.emsp(), Group.objects.get(name=roles.CPO_MANAGER)
    password = "a quite long sentence 77"
    saved = send(
        boss,
        reverse("admin:auth_user_add"),
        username="bert",
        password1=password,
        password2=password,
        groups=[role.pk],
        cpos=[cpo.pk],
        emsps=[emsp.pk],
    )
    assert saved.status_code == 302
    user = User.objects.get(username="bert")
    assert scope_of(user).granted == {MANAGE_CPO: {cpo.pk}, MANAGE_EMSP: {emsp.pk}}
    assert list(user.groups.all()) == [role]
    assert user.is_staff
    client = Client()
    client.post(reverse("admin:login"), {"username": "bert", "password": password})
    assert client.get(reverse("admin:locations_cpo_changelist")).status_code == 200


def test_grants_are_given_on_the_users_page(boss: Client) -> None:
    user, cpo, emsp = User.objects.create_user("ann", password="x"), factories.cpo(), factories.emsp()
    gone = factories.cpo()
    grant(user, MANAGE_CPO, gone)
    url = reverse("admin:auth_user_change", args=[user.pk])
    assert filled(boss, url)["cpos"] == [str(gone.pk)]
    assert send(boss, url, cpos=[str(cpo.pk)], emsps=[str(emsp.pk)]).status_code == 302
    assert scope_of(user).granted == {MANAGE_CPO: {cpo.pk}, MANAGE_EMSP: {emsp.pk}}
    assert filled(boss, url)["emsps"] == [str(emsp.pk)]
    assert User.objects.get(pk=user.pk).is_staff


def test_the_users_page_says_what_they_may(boss: Client) -> None:
    role = Group.objects.get(name=roles.CPO_MANAGER)
    user = User.objects.create(username="ann")
    url = reverse("admin:auth_user_change", args=[user.pk])

    def told() -> str:
        return str(boss.get(url).context["notices"][0][1])

    assert told().startswith("No role")
    user.groups.add(role)
    assert told().startswith("Has a role, but for no CPO")
    grant(user, MANAGE_CPO, factories.cpo())
    assert told() == "CPO manager, for 1 CPO."
    user.groups.clear()
    assert "no role: may do nothing" in told()
    user.groups.add(Group.objects.get(name=roles.ADMIN))
    assert told().startswith("An Admin")
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert told().startswith("Not active")


def test_built_in_roles_are_shown_and_kept(boss: Client) -> None:
    for name in roles.BUILT_IN:
        role = Group.objects.get(name=name)
        url = reverse("admin:auth_group_change", args=[role.pk])
        shown = boss.get(url)
        assert "Built in" in shown.context["notices"][0][1]
        assert 'type="checkbox" name="allows"' not in shown.content.decode()
        assert boss.post(url, {"name": "Mine", "allows": []}).status_code == 403
        assert boss.post(reverse("admin:auth_group_delete", args=[role.pk]), {"post": "yes"}).status_code == 403
        assert held(name) == roles.permissions_of(name)


def test_a_role_is_made_of_the_same_permissions(boss: Client) -> None:
    codes = ["tokens.view_token", "tokens.change_token", roles.READ_PRESENTED]
    assert send(boss, reverse("admin:auth_group_add"), name="Blocker", allows=codes).status_code == 302
    assert held("Blocker") == set(codes)
    role = Group.objects.get(name="Blocker")
    # A program may give what the table does not show.
    role.permissions.add(Permission.objects.get(codename="delete_token"))
    url = reverse("admin:auth_group_change", args=[role.pk])
    shown = boss.get(url).content.decode()
    assert 'value="tokens.change_token" aria-label="Change: charge tokens" checked' in shown
    for wrong in ("locations.administer", "tokens.delete_token", "auth.add_user"):
        assert f'value="{wrong}"' not in shown
        assert boss.post(url, {"name": "Blocker", "allows": [wrong]}).status_code == 200
    assert boss.post(url, {"name": "Blocker", "allows": codes[:1]}).status_code == 302
    assert held("Blocker") == {codes[0], "tokens.delete_token"}


def test_what_is_offered_is_what_managers_have() -> None:
    offered = {f"{app}.{action}_{model}" for (app, model), actions in roles.offered().items() for action in actions}
    assert offered == roles.permissions_of(roles.CPO_MANAGER) | roles.permissions_of(roles.EMSP_MANAGER)
