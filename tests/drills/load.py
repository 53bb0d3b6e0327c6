"""Clients that ask again and again, each over a connection that it keeps for a while, and note all they are told."""

import http.client
import itertools
import json
import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.drills.clock import now
from tests.drills.oracle import Subject
from tests.drills.world import HOST, WORKERS, Node

PATH = "/api/v1/authorize"
PATIENCE = 15.0  # seconds
TRIES = 40  # connections made to find a worker that has few
LOOK_EVERY = 0.5  # seconds
QUESTIONS = 100  # over one connection; a worker that was started again is to get some


@dataclass(slots=True)
class Answer:
    """One request. status: of HTTP, or 0 where the connection broke; problem: how. source: as the log has it."""

    id: str
    node: str
    worker: int
    subject: Subject
    start: float
    end: float = 0.0
    status: int = 0
    problem: str = ""
    reason: str = ""
    revision: int = 0
    source: str = ""

    @property
    def took(self) -> float:
        return self.end - self.start

    @property
    def good(self) -> bool:
        """Answered from the copy."""
        return self.status == 200 and self.source == "cache"


class Asker(threading.Thread):
    """One charger: asks a node about subjects of the load's choice."""

    def __init__(self, load: "Load", node: Node, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.load = load
        self.node = node
        self.worker = 0
        self.answers: list[Answer] = []
        self.failure: Exception | None = None
        self._numbers = itertools.count()
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        try:
            while not self.load.stopped.is_set():
                self.answers.append(self._ask(self.load.choose()))
                self.load.stopped.wait(self.load.pause)
        except Exception as error:
            self.failure = error

    def _ask(self, subject: Subject) -> Answer:
        count = next(self._numbers)
        if count % QUESTIONS == QUESTIONS - 1:
            self._drop()
        number = f"{self.load.run}-{self.name}-{count}"
        body = json.dumps(subject.body | {"id": number})
        self._connect()
        answer = Answer(number, self.node.name, self.worker, subject, now())
        try:
            assert self._connection is not None
            self._connection.request("POST", PATH, body, self.load.headers)
            found = self._connection.getresponse()
            text = found.read()
            answer.end, answer.status = now(), found.status
            self._read(answer, text, found.getheader("Retry-After"))
        except (OSError, http.client.HTTPException) as error:
            answer.end, answer.problem = now(), type(error).__name__
            self._drop()
        return answer

    def _read(self, answer: Answer, text: bytes, retry_after: str | None) -> None:
        if answer.status == 503:
            answer.problem = "" if retry_after else "503 without Retry-After"
        elif answer.status != 200:
            answer.problem = text[:200].decode(errors="replace")
        else:
            body = json.loads(text)
            answer.reason, answer.revision = body["reason"], body["revision"]
            right = body["id"] == answer.id and (body["status"] == "accepted") == (answer.reason == "ALLOWED")
            answer.problem = "" if right else "an answer that does not hold together"

    def _connect(self) -> None:
        """A connection to a worker that others leave some room at, where one can be had."""
        if self._connection is not None:
            return
        for attempt in range(TRIES):
            self._connection = http.client.HTTPConnection(HOST, self.node.port, timeout=PATIENCE)
            try:
                self._connection.request("GET", "/healthz")
                self._connection.getresponse().read()
                port = self._connection.sock.getsockname()[1]
            except (OSError, http.client.HTTPException):
                self._drop()
                self._connection = http.client.HTTPConnection(HOST, self.node.port, timeout=PATIENCE)
                return
            self.worker = self.node.worker_of(port)
            if attempt == TRIES - 1 or (self.worker and self.load.has_room(self)):
                return
            self._drop()

    def _drop(self) -> None:
        self.worker = 0
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Looker(threading.Thread):
    """Asks a node again and again by which revision it answers. seen: when it had said so, and which, of its copy."""

    def __init__(self, load: "Load", node: Node) -> None:
        super().__init__(name=f"{node.name} status", daemon=True)
        self.load = load
        self.node = node
        self.seen: list[tuple[float, int]] = []

    def run(self) -> None:
        connection = http.client.HTTPConnection(HOST, self.node.port, timeout=PATIENCE)
        while not self.load.stopped.wait(LOOK_EVERY):
            try:
                connection.request("GET", "/api/v1/status", headers=self.load.headers)
                answer = connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                continue
            if answer.status == 200 and (said := json.loads(text))["source"] == "cache":
                self.seen.append((now(), said["revision"]))


class Load:
    """Askers at every node. choose: the next subject to ask about."""

    def __init__(
        self,
        nodes: Sequence[Node],
        key: str,
        subjects: Sequence[Subject],
        askers: int = 4,
        pause: float = 0.02,
        choose: Callable[[], Subject] | None = None,
    ) -> None:
        """askers: at each node. pause: seconds between an answer and the next question."""
        self.run = uuid.uuid4().hex[:8]
        self.headers = {"Authorization": f"Token {key}", "Content-Type": "application/json"}
        self.pause = pause
        self.stopped = threading.Event()
        self.choose = choose or (lambda: random.choice(subjects))
        self._most = -(-askers // WORKERS)
        self.askers = [Asker(self, node, f"{node.name}{number}") for node in nodes for number in range(askers)]
        # Behind a proxy nobody knows which node says what.
        self.lookers = [Looker(self, node) for node in nodes if isinstance(node, Node)]
        self.began = now()

    def has_room(self, asker: Asker) -> bool:
        """Whether few enough others ask the same worker."""
        same = [other for other in self.askers if other is not asker and other.worker == asker.worker]
        return len(same) < self._most

    def __enter__(self) -> "Load":
        for thread in (*self.askers, *self.lookers):
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        for asker in self.askers:
            asker.join(PATIENCE * 2)
            assert not asker.is_alive(), f"{asker.name} still waits for an answer"
            if asker.failure is not None:
                raise asker.failure
        for looker in self.lookers:
            looker.join(PATIENCE * 2)

    @property
    def answers(self) -> list[Answer]:
        return [answer for asker in self.askers for answer in list(asker.answers)]

    def since(self, when: float) -> list[Answer]:
        """Answers that were asked for later; cheap, for it is called while the askers ask."""
        found = []
        for asker in self.askers:
            for answer in reversed(asker.answers):
                if answer.start < when:
                    break
                found.append(answer)
        return found

    def workers(self) -> Counter[tuple[str, int]]:
        """Askers by the node and the process that answers them."""
        return Counter((asker.node.name, asker.worker) for asker in self.askers)
