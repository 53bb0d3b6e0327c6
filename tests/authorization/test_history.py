"""Everything that an operator can change has a history, whoever changes it and however."""

from collections.abc import Callable
from typing import Any

import pghistory
import pytest
from django.apps import apps
from django.db import models, transaction

from authorization.models import (
    AuthorizationListEntry,
    ChargeException,
    ExceptionCpoGroup,
    ExceptionEmspGroup,
    ExceptionGroup,
    GroupMember,
)
from locations.models import CPO, EVSE, ChargeStation, Location
from tests import factories
from tests.refusals import sql
from tokens.models import EMSP, Customer, DirectoryGrant, Driver, Token

pytestmark = pytest.mark.django_db

# Models without a history, with the reason.
WITHOUT = {
    "ApiKey": "made once and revoked once, and says itself when; its hash must not live on in a history",
    "Decision": "rows are only ever added",
    "Revision": "a count",
    "Change": "rows are only ever added",
    "ChangedKeys": "rows are only ever added",
    "Spool": "how much of the log has arrived",
    "Node": "which revision a node has",
}


def _models() -> list[type[models.Model]]:
    configs = [apps.get_app_config(label) for label in ("locations", "tokens", "authorization")]
    return [m for config in configs for m in config.get_models() if not issubclass(m, pghistory.models.Event)]


def events_of(model: type[models.Model]) -> Any:
    """The history of all rows of a model, oldest first."""
    return apps.get_model(model._meta.app_label, f"{model.__name__}Event")._default_manager.order_by("pgh_id")


def test_every_model_has_a_history_of_each_field_or_a_reason_for_none() -> None:
    without = {model.__name__ for model in _models() if model not in MAKERS}
    assert without == set(WITHOUT)
    for model in MAKERS:
        kept = {field.name for field in events_of(model).model._meta.get_fields()}
        generated = {f.name for f in model._meta.concrete_fields if isinstance(f, models.GeneratedField)}
        assert {f.name for f in model._meta.concrete_fields} - generated <= kept


def _through(model: type[models.Model], category: str) -> Callable[[], models.Model]:
    """Makes a second group of an exception, so that it may go again."""

    def make() -> models.Model:
        groups = [factories.group("cpo")], [factories.group("token")]
        exception = factories.exception("whitelist", "emsp_for_cpo", *groups)
        return model._default_manager.create(exception=exception, group=factories.group(category))

    return make


def _exception() -> ChargeException:
    return factories.exception("whitelist", "emsp_for_cpo", [factories.group("cpo")], [factories.group("token")])


def _member() -> models.Model:
    return factories.group("cpo", factories.cpo()).members.get()


# A row, and what an update changes in it.
MAKERS: dict[type[models.Model], tuple[Callable[[], models.Model], Callable[[], dict[str, Any]]]] = {
    CPO: (factories.cpo, lambda: {"name": "New"}),
    Location: (factories.location, lambda: {"published": False}),
    ChargeStation: (factories.station, lambda: {"authorization_required": False}),
    EVSE: (factories.evse, lambda: {"evse_id": "NL*NEW*E1"}),
    EMSP: (factories.emsp, lambda: {"blocked": True}),
    DirectoryGrant: (factories.directory, lambda: {"enabled": False}),
    Customer: (factories.customer, lambda: {"blocked": True}),
    Driver: (factories.driver, lambda: {"blocked": True}),
    Token: (factories.token, lambda: {"valid": False}),
    ExceptionGroup: (lambda: factories.group("cpo"), lambda: {"name": "New"}),
    GroupMember: (_member, lambda: {"cpo": factories.cpo()}),
    ChargeException: (_exception, lambda: {"enabled": False}),
    ExceptionCpoGroup: (_through(ExceptionCpoGroup, "location"), lambda: {"group": factories.group("cpo")}),
    ExceptionEmspGroup: (_through(ExceptionEmspGroup, "driver"), lambda: {"group": factories.group("emsp")}),
    AuthorizationListEntry: (
        lambda: factories.listed(factories.location(), customer=factories.customer()),
        lambda: {"customer": factories.customer()},
    ),
}


@pytest.mark.parametrize("model", list(MAKERS), ids=lambda model: model.__name__)
def test_create_save_update_and_delete_are_kept(model: type[models.Model]) -> None:
    make, change = MAKERS[model]
    row = make()
    changes = change()
    model._default_manager.filter(pk=row.pk).update(**changes)
    model._default_manager.filter(pk=row.pk).update(**changes)
    model._default_manager.get(pk=row.pk).save()
    model._default_manager.get(pk=row.pk).delete()
    kept = events_of(model).filter(pgh_obj_id=row.pk)
    assert list(kept.values_list("pgh_label", flat=True)) == ["insert", "update", "delete"]
    name, value = next(iter(changes.items()))
    assert getattr(kept[1], name) == value != getattr(kept[0], name)


@pytest.mark.parametrize("model", list(MAKERS), ids=lambda model: model.__name__)
def test_sql_and_bulk_create_are_kept(model: type[models.Model]) -> None:
    row = MAKERS[model][0]()
    table = model._meta.db_table
    fields = [field for field in model._meta.concrete_fields if not field.generated and not field.primary_key]
    columns = ", ".join(str(field.column) for field in fields)
    values = sql(f"SELECT {columns} FROM {table} WHERE id = %s", row.pk)[0]
    with transaction.atomic():
        sql(f"DELETE FROM {table} WHERE id = %s", row.pk)
        sql(f"INSERT INTO {table} ({columns}) VALUES ({', '.join(['%s'] * len(fields))})", *values)
        sql(f"DELETE FROM {table} WHERE id = (SELECT max(id) FROM {table})")
        model._default_manager.bulk_create([row])
    labels = list(events_of(model).values_list("pgh_label", flat=True))
    assert labels[-5:] == ["insert", "delete", "insert", "delete", "insert"]


def test_a_change_keeps_who_made_it() -> None:
    with pghistory.context(user=7, reason="lost card"):
        token = factories.token()
        Token.objects.filter(pk=token.pk).update(valid=False)
    first, second = events_of(Token).filter(pgh_obj_id=token.pk)
    assert first.pgh_context.metadata == {"user": 7, "reason": "lost card"}
    assert second.pgh_context == first.pgh_context


def test_a_name_that_passes_on_is_kept() -> None:
    token = factories.token(uid="04", auth_id="A1")
    pk = factories.listed(factories.location(), token=token).pk
    before = token.pk
    token.delete()
    kept = events_of(AuthorizationListEntry).filter(pgh_obj_id=pk).values_list("pgh_label", "token")
    assert list(kept) == [("insert", before), ("update", Token.objects.get().pk)]


def test_functions_of_every_row_catch_no_errors() -> None:
    """A later migration with a trigger brings pgtrigger's own back: it must end with QUICK, as authorization's 0002."""
    slow = sql(
        "SELECT proname FROM pg_proc WHERE proname IN ('_pgtrigger_should_ignore', '_pgh_attach_context')"
        " AND prosrc ILIKE '%%exception%%'"
    )
    assert slow == []
