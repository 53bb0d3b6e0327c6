"""A superuser's and a manager's browser."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests import factories
from tests.imports.conftest import desk, desk_of, emsp  # noqa: F401 - fixtures
from tests.subscriptions.conftest import pushed, server  # noqa: F401 - fixtures


@pytest.fixture
def admin_user(db: None) -> User:
    return factories.admin()


@pytest.fixture
def boss(admin_user: User) -> Client:
    """Signed in as a superuser."""
    client = Client()
    client.force_login(admin_user)
    return client


@pytest.fixture
def manager(db: None) -> Client:
    """Signed in as staff who is no superuser, with every model permission Django knows."""
    from django.contrib.auth.models import Permission

    user = User.objects.create_user("manager", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    client = Client()
    client.force_login(user)
    return client
