"""A backup as docs/operations.md says, the database destroyed under its nodes, and the backup restored."""

import http.client
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from portal.stack import postgres
from tests.drills.clock import now
from tests.drills.load import Load
from tests.drills.oracle import Subject
from tests.drills.world import HOST, Node, World
from tests.stack.driver import wait_for

DATABASE = postgres.DATABASE
# What changes by itself: which nodes and tasks ran, and how far their files were shipped.
MOVING = (
    "authorization_node", "authorization_spool", "django_celery_beat_periodictask", "django_celery_beat_periodictasks",
)  # fmt: skip
# What nodes add to by themselves: decisions that were in their spools, and when a key was last used.
GROWING = ("authorization_decision", "authorization_apikey")
HASHED = sql.SQL("SELECT count(*), md5(coalesce(string_agg(md5(t::text), '' ORDER BY t::text), '')) FROM {} t")


def restore(world: World) -> None:
    lost, kept = world.cards[-1], world.cards[-2]
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    for node in world.nodes:
        assert _asked(world, [lost], node) == {"ALLOWED"}
    wait_for(lambda: _all_shipped(world), 20)
    answers, rows = explained(world, at), contents(world)
    assert rows["authorization_decision"][0]
    assert any("event" in table and count for table, (count, _) in rows.items()), "there is a history"
    dump = world.root / "chargeward.dump"
    _run("pg_dump", "--format=custom", f"--file={dump}", world.postgres.url)

    # A change that the backup knows nothing of, and that every node has seen.
    _set_valid(world, lost, False)
    for node in world.nodes:
        wait_for(lambda node=node: _asked(world, [lost], node) == {"TOKEN_BLOCKED"}, 20)
    after = _revision(world)

    _as_superuser(world, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(DATABASE)))
    for node in world.nodes:
        wait_for(lambda node=node: _asked(world, [lost], node) == {"503"}, 20)

    new = sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(DATABASE))
    _as_superuser(world, new)
    _run("pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", f"--dbname={world.postgres.url}", dump)
    _compare(rows, contents(world))
    wait_for(world.nodes[0].ready, 20)
    assert explained(world, at) == answers
    # Another change, so that the revision is the number again that the nodes had seen with other content.
    with kept.changing(False):
        _set_valid(world, kept, False)
    assert _revision(world) == after
    for node in world.nodes:
        wait_for(lambda node=node: _asked(world, [lost], node) == {"ALLOWED"}, 30)
        wait_for(lambda node=node: _asked(world, [kept], node) == {"TOKEN_BLOCKED"}, 30)
    with kept.changing(True):
        _set_valid(world, kept, True)
    for node in world.nodes:
        wait_for(lambda node=node: _asked(world, [kept], node) == {"ALLOWED"}, 30)
    began = now()
    with Load(world.nodes, world.cast["charger"], [lost, kept], pause=0.01) as load:
        time.sleep(1.5)
    assert {answer.reason for answer in load.answers if answer.start > began} == {"ALLOWED"}


def _compare(before: dict[str, tuple[int, str]], after: dict[str, tuple[int, str]]) -> None:
    """Every row is there as it was. Nodes ship decisions that the backup has not, where they still have them."""
    assert before.keys() == after.keys()
    differ = {table for table in before if before[table] != after[table] and not table.startswith(GROWING)}
    assert not differ
    assert all(after[table][0] >= count for table, (count, _) in before.items())


def explained(world: World, at: str) -> list[Any]:
    """What `explain` says of every subject at an instant."""
    headers = {"Authorization": f"Token {world.cast['admin']}", "Content-Type": "application/json"}
    found = []
    for subject in world.subjects:
        connection = http.client.HTTPConnection(HOST, world.nodes[0].port, timeout=15)
        body = json.dumps(subject.body | {"id": "the same", "at": at})
        connection.request("POST", "/api/v1/explain", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        found.append(json.loads(text))
        connection.close()
    return found


def contents(world: World) -> dict[str, tuple[int, str]]:
    """Of each table: how many rows, and a hash of them."""
    found = {}
    with world.connect() as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (name,) in names:
            if name not in MOVING:
                query = sql.SQL(
                    "SELECT count(*), md5(coalesce(string_agg(md5(t::text), '' ORDER BY t::text), '')) FROM {} t"
                )
                found[name] = connection.execute(query.format(sql.Identifier(name))).fetchone()
    return found  # type: ignore[return-value]


def _asked(world: World, subjects: list[Subject], node: Node) -> set[str]:
    """What all questions of a moment are answered with by the node's processes: reasons, or the status."""
    with Load([node], world.cast["charger"], subjects, pause=0.01) as load:
        time.sleep(0.3)
    return {answer.reason or str(answer.status) for answer in load.answers}


def _all_shipped(world: World) -> bool:
    with world.connect() as connection:
        shipped = dict(connection.execute("SELECT name, shipped FROM authorization_spool").fetchall())
    files = [path for node in world.nodes for path in (node.data.root / "spool").glob("*/*.spool")]
    return all(shipped.get(path.stem, -1) >= path.stat().st_size for path in files if path.exists())


def _set_valid(world: World, card: Subject, on: bool) -> None:
    with world.connect() as connection:
        connection.execute("UPDATE tokens_token SET valid = %s WHERE id = %s", [on, card.token])


def _revision(world: World) -> int:
    with world.connect() as connection:
        row = connection.execute("SELECT value FROM authorization_revision").fetchone()
    assert row is not None
    return int(row[0])


def _as_superuser(world: World, command: sql.Composed) -> None:
    password = world.data.secrets()["postgres_password"]
    with psycopg.connect(
        host=HOST, port=world.postgres.port, user="postgres", password=password, dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(command)


def _run(program: str, *arguments: str | Path) -> None:
    done = subprocess.run([postgres.programs() / program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
