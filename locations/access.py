"""The one door to guardian, and to every row: what a portal user was granted, sees, and manages.

A grant is an object permission of a user on a CPO (`locations.manage_cpo`) or on an eMSP (`tokens.manage_emsp`); one on
a CPO includes its sub-CPOs. Two questions are asked of rows, by two rules for each model. `visible_to`: which of them a
user gets to see, if only by name. `managed_by`: which of those are the user's parties' own, to be seen whole, changed,
and named in other rows. A model without a rule is an Admin's alone.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Model, Q, QuerySet
from guardian.models import UserObjectPermission
from guardian.shortcuts import assign_perm, get_objects_for_user

from locations.models import CPO, EVSE, ChargeStation, Location

MANAGE_CPO = "locations.manage_cpo"
# Who holds this through a role is an Admin, as a superuser is.
ADMINISTER = "locations.administer"
# The roles that every installation has: the product keeps what they allow, and nobody else.
BUILT_IN = ("Admin", "CPO manager", "eMSP manager")
PortalUser = AbstractBaseUser | AnonymousUser | None
Rows = TypeVar("Rows", bound=QuerySet[Any])
Value = TypeVar("Value")


def is_admin(user: PortalUser) -> bool:
    """An active superuser, or an active user with an Admin's role. Everybody else sees what was granted to them."""
    if user is None or user.is_anonymous or not user.is_active:
        return False
    return bool(getattr(user, "is_superuser", False)) or ADMINISTER in _permissions(Q(group__user=user.pk))


@dataclass(frozen=True)
class Scope:
    """What one user holds, read once: for the length of a request, never longer.

    everything: an Admin. permissions: "app.codename", of the user's roles and the user's own. granted: by permission,
    primary keys of the parties.
    """

    user: int | None = None
    everything: bool = False
    permissions: frozenset[str] = frozenset()
    granted: Mapping[str, frozenset[int]] = field(default_factory=dict)
    _known: dict[str, Any] = field(default_factory=dict, compare=False)

    def may(self, permission: str) -> bool:
        """Whether a role allows it ("app.codename"); on which objects, the grants say."""
        return self.everything or permission in self.permissions

    @cached_property
    def cpos(self) -> frozenset[int]:
        """The CPOs granted, and all below them."""
        return with_sub_cpos(self.granted.get(MANAGE_CPO, frozenset()))

    def once(self, name: str, find: Callable[[], Value]) -> Value:
        """What another app has to look up for this user, looked up once."""
        if name not in self._known:
            self._known[name] = find()
        found: Value = self._known[name]
        return found


def scope_of(user: PortalUser) -> Scope:
    """Two queries, and none for a superuser or for nobody."""
    if user is None or user.is_anonymous or not user.is_active:
        return Scope()
    if getattr(user, "is_superuser", False):
        return Scope(user.pk, everything=True)
    by_roles = _permissions(Q(group__user=user.pk))
    if ADMINISTER in by_roles:
        return Scope(user.pk, everything=True)
    rows: dict[str, set[int]] = {}
    held = UserObjectPermission.objects.filter(user=user.pk, permission__codename__startswith="manage_").values_list(
        "permission__content_type__app_label", "permission__codename", "object_pk"
    )
    for app, codename, pk in held:
        rows.setdefault(f"{app}.{codename}", set()).add(int(pk))
    granted_ = {permission: frozenset(pks) for permission, pks in rows.items()}
    return Scope(user.pk, permissions=by_roles | _permissions(Q(user=user.pk)), granted=granted_)


def scope_of_request(request: Any) -> Scope:
    """What the request's user holds, read once for the request: Django's or DRF's."""
    scope: Scope | None = getattr(request, "_scope", None)
    if scope is None:
        scope = request._scope = scope_of(request.user)
    return scope


def _permissions(condition: Q) -> frozenset[str]:
    rows = Permission.objects.filter(condition).order_by().values_list("content_type__app_label", "codename")
    return frozenset(f"{app}.{codename}" for app, codename in rows)


Rule = Callable[[Scope], Q]
EVERYTHING = Q()
NOTHING = Q(pk__in=())
_VISIBLE: dict[type[Model], Rule] = {}
_MANAGED: dict[type[Model], Rule] = {}


def rule(model: type[Model], *, managed: Rule, visible: Rule | None = None) -> None:
    """Says which rows of a model a user who is no Admin manages, and sees (the same, if nothing is said)."""
    _MANAGED[model], _VISIBLE[model] = managed, visible or managed


def visible_to(who: PortalUser | Scope, rows: Rows) -> Rows:
    """Those of the rows that the user may know of; of some of them the name alone (`sees_names`)."""
    return _filtered(_VISIBLE, who, rows)


def managed_by(who: PortalUser | Scope, rows: Rows) -> Rows:
    """Those of the rows that are the user's parties' own."""
    return _filtered(_MANAGED, who, rows)


def sees_names(scope: Scope, model: type[Model]) -> bool:
    """Whether there may be rows of the model of which the user sees the name alone."""
    return not scope.everything and model in _VISIBLE and _VISIBLE[model](scope) != _MANAGED[model](scope)


def _filtered(rules: dict[type[Model], Rule], who: PortalUser | Scope, rows: Rows) -> Rows:
    scope = who if isinstance(who, Scope) else scope_of(who)
    if scope.everything:
        return rows
    condition = rules[rows.model](scope) if rows.model in rules else NOTHING
    return rows.filter(condition)


def within(column: str, pks: frozenset[int]) -> Q:
    """The column holds one of these. One alone is compared by `=`, for which an index keeps the order of its rows."""
    if not pks:
        return NOTHING
    return Q(**{column: next(iter(pks))}) if len(pks) == 1 else Q(**{f"{column}__in": sorted(pks)})


def _names_for_others(own: Rule) -> Rule:
    """Whoever manages another kind of party picks from all CPOs and locations, by name."""

    def visible(scope: Scope) -> Q:
        return EVERYTHING if any(pks for name, pks in scope.granted.items() if name != MANAGE_CPO) else own(scope)

    return visible


def _own_cpos(scope: Scope) -> Q:
    return within("pk", scope.cpos)


def _own_locations(scope: Scope) -> Q:
    return within("cpo", scope.cpos)


def _at_own_locations(scope: Scope) -> Q:
    return within("location__cpo", scope.cpos)


def _oneself(scope: Scope) -> Q:
    return Q(pk=scope.user) if scope.user is not None else NOTHING


rule(CPO, managed=_own_cpos, visible=_names_for_others(_own_cpos))
rule(Location, managed=_own_locations, visible=_names_for_others(_own_locations))
rule(EVSE, managed=_at_own_locations)
rule(ChargeStation, managed=_at_own_locations)
rule(get_user_model(), managed=lambda scope: NOTHING, visible=_oneself)


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


def set_grants(user: Any, permission: str, model: type[Model], parties: Iterable[int]) -> None:
    """Has the user hold the permission on exactly these parties."""
    wanted = {str(pk) for pk in parties}
    held = grants((permission, model)).filter(user=user)
    held.exclude(object_pk__in=wanted).delete()
    for party in model._default_manager.filter(pk__in=wanted - set(held.values_list("object_pk", flat=True))):
        grant(user, permission, party)


def grants(*parties: tuple[str, type[Model]]) -> QuerySet[Any]:
    """The rows of guardian that grant these permissions: `id`, `user_id`, `object_pk` (text), `permission.codename`.

    A grant goes with its party: a trigger sees to it.
    """
    rows = UserObjectPermission.objects.none()
    for permission, model in parties:
        rows = rows | UserObjectPermission.objects.filter(
            content_type=ContentType.objects.get_for_model(model), permission__codename=permission.partition(".")[2]
        )
    return rows.select_related("permission")
