"""Operations for migrations of every app.

A model that changes is made anew together with all it is related to, which here is nearly everything: after each
operation that costs more than the database's part of it. These make the models once for many operations.
"""

from collections.abc import Sequence
from itertools import groupby

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import AddConstraint, AddIndex, SeparateDatabaseAndState
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from pgtrigger.migrations import AddTrigger


class StateAtOnce(SeparateDatabaseAndState):
    """Operations on the state alone."""

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        made = state.__dict__.pop("apps", None)
        super().state_forwards(app_label, state)
        if made is not None:
            state.__dict__["apps"] = made
            names = [vars(each).get("model_name") or vars(each)["name"] for each in self.state_operations]
            state.reload_models(sorted({(app_label, name.lower()) for name in names}), delay=False)


class AddAtOnce(StateAtOnce):
    """Constraints, indexes and triggers, none of which needs a state between two of them."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        super().__init__(database_operations=operations, state_operations=operations)

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        for each in self.database_operations:
            each.database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        for each in reversed(self.database_operations):
            each.database_backwards(app_label, schema_editor, from_state, to_state)


def at_once(operations: Sequence[Operation]) -> list[Operation]:
    """The same operations, each run of constraints, indexes and triggers as one."""
    found: list[Operation] = []
    for alike, group in groupby(operations, lambda each: isinstance(each, (AddConstraint, AddIndex, AddTrigger))):
        run = list(group)
        found += [AddAtOnce(run)] if alike else run
    return found
