"""Migrations since the last release leave the release before it running; see "Upgrading" in docs/operations.md."""

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState

from tests.portal.zero_downtime import problems

pytestmark = pytest.mark.django_db

# The newest of each app in the last release; whoever releases sets it anew. 0.1.0 is not released yet: these are the
# migrations with which this habit began.
BASELINE = {
    "authorization": "0012_replaced",
    "chargers": "0001_initial",
    "imports": "0003_first_rows",
    "locations": "0006_addresses",
    "people": "0001_initial",
    "portal_login": "0002_sessions_end",
    "subscriptions": "0007_versions",
    "tokens": "0007_joined_once",
}


def test_what_came_since_the_last_release() -> None:
    loader = MigrationLoader(connection)
    graph, ours = loader.graph, set(BASELINE)
    old = {node for app, name in BASELINE.items() for node in graph.forwards_plan((app, name))}
    found: list[str] = []
    plan = [node for leaf in graph.leaf_nodes() for node in graph.forwards_plan(leaf)]
    state = ProjectState(real_apps=loader.unmigrated_apps)
    for node in dict.fromkeys(plan):
        migration = graph.nodes[node]
        if node in old or node[0] not in ours:
            state = migration.mutate_state(state, preserve=False)
        else:
            found += problems(migration, state)
    assert not found, "\n".join(["Expand, deploy, contract (docs/operations.md, Upgrading):", *found])


def made(*operations: object, **attributes: object) -> list[str]:
    """What is said of a migration of a table with a name and a number."""
    fields = [("id", models.BigAutoField(primary_key=True)), ("name", models.CharField(max_length=10, null=True))]
    state = ProjectState()
    state.add_model(ModelState("tokens", "Thing", fields))
    kind = type("Migration", (migrations.Migration,), {"operations": list(operations), **attributes})
    return list(problems(kind("0099_made", "tokens"), state))


REFUSED = [
    migrations.RemoveField("thing", "name"),
    migrations.RenameField("thing", "name", "title"),
    migrations.DeleteModel("Thing"),
    migrations.AlterModelTable("thing", "other"),
    migrations.AddField("thing", "size", models.IntegerField(default=0)),
    migrations.AlterField("thing", "name", models.CharField(max_length=10)),
    migrations.AlterField("thing", "name", models.IntegerField(null=True)),
    migrations.AddIndex("thing", models.Index(fields=["name"], name="thing_name")),
    migrations.AddConstraint("thing", models.UniqueConstraint(fields=["name"], name="thing_one")),
    migrations.RunSQL("UPDATE tokens_thing SET name = ''"),
]
ALLOWED = [
    migrations.AddField("thing", "size", models.IntegerField(null=True)),
    migrations.AddField("thing", "size", models.IntegerField(db_default=0)),
    migrations.AlterField("thing", "name", models.CharField("a name", max_length=10, null=True, help_text="Any.")),
    AddIndexConcurrently("thing", models.Index(fields=["name"], name="thing_name")),
    migrations.CreateModel("Another", [("id", models.BigAutoField(primary_key=True))]),
]


@pytest.mark.parametrize("operation", REFUSED, ids=lambda operation: operation.describe())
def test_what_is_refused(operation: object) -> None:
    assert len(made(operation)) == 1
    # Its author says why it is safe, and whoever reviews it looks at that.
    assert not made(operation, reviewed="nothing has asked for it since 0.2.0")


@pytest.mark.parametrize("operation", ALLOWED, ids=lambda operation: operation.describe())
def test_what_is_allowed(operation: object) -> None:
    assert not made(operation)


def test_a_table_that_is_made_is_nobodys_yet() -> None:
    another = migrations.CreateModel("Another", [("id", models.BigAutoField(primary_key=True))])
    assert not made(another, migrations.AddField("another", "size", models.IntegerField(default=0)))
