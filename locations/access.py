"""The one door to guardian: who is an Admin, and which CPOs and eMSPs a portal user was granted.

A grant is an object permission of a user on a CPO (`locations.manage_cpo`) or, through `tokens.access`, on an eMSP
(`tokens.manage_emsp`). A grant on a CPO includes its sub-CPOs.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Model, QuerySet
from guardian.models import UserObjectPermission
from guardian.shortcuts import assign_perm, get_objects_for_user

from locations.models import CPO

MANAGE_CPO = "locations.manage_cpo"
PortalUser = AbstractBaseUser | AnonymousUser | None


def is_admin(user: PortalUser) -> bool:
    """An active superuser. Everybody else sees what was granted to them."""
    return user is not None and bool(user.is_active and getattr(user, "is_superuser", False))


def granted(user: PortalUser, permission: str, model: type[Model]) -> frozenset[int]:
    """Primary keys of the objects on which the user holds `permission` ("app.codename"); none for a disabled user."""
    if user is None or user.is_anonymous or not user.is_active:
        return frozenset()
    # Without accept_global_perms=False one model-level permission, as roles have, would grant every object.
    objects = get_objects_for_user(
        user, permission, model, use_groups=False, with_superuser=False, accept_global_perms=False
    )
    return frozenset(objects.values_list("pk", flat=True))


def granted_cpos(user: PortalUser) -> frozenset[int]:
    """Primary keys of the CPOs granted to the user, and of all CPOs below them."""
    return with_sub_cpos(granted(user, MANAGE_CPO, CPO))


def with_sub_cpos(cpos: Iterable[int]) -> frozenset[int]:
    """These CPOs and all below them."""
    roots = list(cpos)
    if not roots:
        return frozenset()
    with connection.cursor() as cursor:
        # UNION, not UNION ALL: it ends even on a circle.
        cursor.execute(
            """
            WITH RECURSIVE below AS (
                SELECT id FROM locations_cpo WHERE id = ANY(%s)
                UNION
                SELECT c.id FROM locations_cpo c JOIN below ON c.parent_id = below.id
            )
            SELECT id FROM below
            """,
            [roots],
        )
        return frozenset(row[0] for row in cursor.fetchall())


def grant(user: Any, permission: str, party: Model) -> int:
    """Grants, and says which row of `grants()` the grant is. Granting again changes nothing."""
    row: Any = assign_perm(permission, user, party)
    return int(row.pk)


def grants(*parties: tuple[str, type[Model]]) -> QuerySet[Any]:
    """The rows of guardian that grant these permissions: `id`, `user_id`, `object_pk` (text), `permission.codename`."""
    rows = UserObjectPermission.objects.none()
    for permission, model in parties:
        rows = rows | UserObjectPermission.objects.filter(
            content_type=ContentType.objects.get_for_model(model), permission__codename=permission.partition(".")[2]
        )
    return rows.select_related("permission")


def forget(party: Model) -> None:
    """Takes back every grant on an object that is about to go: guardian's rows have no foreign key to it."""
    content_type = ContentType.objects.get_for_model(type(party))
    UserObjectPermission.objects.filter(content_type=content_type, object_pk=str(party.pk)).delete()
