"""People and programs who change the database without a pause, each in a way of its own and each its own cards."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from tests.drills.changes import PATIENCE, Sql, Way
from tests.drills.oracle import Subject, Unknown
from tests.drills.world import World

PAUSE = {"admin": 1.5, "api": 0.7, "update()": 0.5, "sql": 0.5, "rule": 1.5}  # seconds between changes, about
# A card stays as it is for longer than the time after which an old answer is wrong, or no answer could be.
SHARES = {"admin": 3, "api": 6, "update()": 7, "sql": 7}  # cards


class Churn:
    """Changes cards and a rule, from the start to the end of a `with`."""

    def __init__(self, world: World, ways: Mapping[str, Way] | None = None) -> None:
        self.made, self.failed = 0, Counter[str]()
        self.failure: Exception | None = None
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        first = 1  # card 0 stays as it is, and the last is a test's own
        for name, count in SHARES.items():
            way = (ways or world.ways("churn"))[name]
            cards = world.cards[first : first + count]
            first += count
            self._add(name, cards, lambda subject, on, way=way: way.set_valid(subject.token, on))
        rules = Sql(world.postgres.url)
        self._add("rule", [world.toggled], lambda _, on: rules.set_enabled(world.cast["rule"], not on))

    def _add(self, name: str, subjects: Sequence[Subject], change: Callable[[Subject, bool], None]) -> None:
        self._threads.append(threading.Thread(target=self._run, args=[name, subjects, change], name=name, daemon=True))

    def _run(self, name: str, subjects: Sequence[Subject], change: Callable[[Subject, bool], None]) -> None:
        while not self._stopped.wait(random.uniform(0.5, 1.5) * PAUSE[name]):
            subject = random.choice(subjects)
            on = not subject.is_on()
            try:
                with subject.changing(on):
                    change(subject, on)
                self.made += 1
            except Unknown as problem:
                self.failed[f"{name}: {' '.join(str(problem).split())[:80]}"] += 1
            except Exception as problem:
                self.failure = problem
                return

    def __enter__(self) -> "Churn":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(PATIENCE * 2)
            assert not thread.is_alive(), f"a change by {thread.name} still goes on"
        if self.failure is not None:
            raise self.failure
