"""What a migration must not do while nodes of the release before still run and ask the same tables.

Expand, deploy, contract: see "Upgrading" in docs/operations.md.
"""

from collections.abc import Iterator

from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.db import connection, models
from django.db.migrations import Migration, operations
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

# Older code asks for these, and would not find them.
GONE = {
    operations.RemoveField: "removes a column that the release before still asks for",
    operations.DeleteModel: "removes a table that the release before still asks for",
    operations.RenameField: "renames a column that the release before still asks for",
    operations.RenameModel: "renames a table that the release before still asks for",
    operations.AlterModelTable: "renames a table that the release before still asks for",
    operations.AlterUniqueTogether: "locks the table while it looks at every row",
    operations.AlterIndexTogether: "locks the table while it builds an index",
    operations.RunSQL: "runs SQL that nobody but its author understands",
    operations.RunPython: "runs code that nobody but its author understands",
}


def problems(migration: Migration, state: ProjectState) -> Iterator[str]:
    """What is wrong with it; nothing where `reviewed = "…"` says why it is safe, or that it is a contraction.

    state: before it; it is changed to the one after it.
    """
    new: set[str] = set()
    for operation in _flat(migration.operations):
        before = state.clone()
        operation.state_forwards(migration.app_label, state)
        if isinstance(operation, operations.CreateModel):
            new.add(operation.name_lower)
            continue
        # Nobody asks for a table that this migration makes.
        if getattr(operation, "model_name", "").lower() in new or getattr(migration, "reviewed", ""):
            continue
        if problem := _problem(operation, migration.app_label, before, state):
            yield f"{migration}: {operation.describe()}: it {problem}"


def _flat(items: list[Operation]) -> Iterator[Operation]:
    """What is done to the database; of SeparateDatabaseAndState its database's half."""
    for item in items:
        if isinstance(item, operations.SeparateDatabaseAndState):
            yield from _flat(list(item.database_operations))
        else:
            yield item


def _problem(operation: Operation, app: str, before: ProjectState, after: ProjectState) -> str:
    for kind, problem in GONE.items():
        if isinstance(operation, kind):
            return problem
    if isinstance(operation, operations.AddField):
        return _added(operation.field)
    if isinstance(operation, operations.AlterField):
        return _altered(operation, app, before, after)
    if isinstance(operation, operations.AddIndex) and not isinstance(operation, AddIndexConcurrently):
        return "lets nobody write while it builds an index: use AddIndexConcurrently, and atomic = False"
    if isinstance(operation, operations.AddConstraint) and not isinstance(operation, AddConstraintNotValid):
        return "lets nobody write while it looks at every row: use AddConstraintNotValid, then ValidateConstraint"
    return ""


def _added(field: "models.Field[object, object]") -> str:
    if isinstance(field, models.GeneratedField):
        return "rewrites the table while nobody may read it"
    if isinstance(field, models.ManyToManyField) or field.null or field.has_db_default():
        return ""
    return "adds a column that the release before does not fill: allow null, or give it a db_default"


def _altered(operation: operations.AlterField, app: str, before: ProjectState, after: ProjectState) -> str:
    old, new = (
        state.apps.get_model(app, operation.model_name)._meta.get_field(operation.name) for state in (before, after)
    )
    with connection.schema_editor(collect_sql=True) as editor:
        same = not editor._field_should_be_altered(old, new)
    return "" if same else "changes a column under the release before: add another one, and move to it"
