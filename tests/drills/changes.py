"""The ways in which people and programs change the database."""

import http.client
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any, Protocol
from urllib.parse import urlencode

import psycopg

from portal.stack.options import PROJECT
from tests.drills.clock import now
from tests.drills.hand import PASSWORD
from tests.drills.oracle import Unknown

PATIENCE = 30.0  # seconds


class Way(Protocol):
    def set_valid(self, token: int, valid: bool) -> None:
        """Returns after the commit. Raises Unknown."""


class Sql:
    """As a person with psql does."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection: psycopg.Connection[Any] | None = None

    def set_valid(self, token: int, valid: bool) -> None:
        self.run("UPDATE tokens_token SET valid = %s WHERE id = %s", [valid, token])

    def set_enabled(self, rule: int, enabled: bool) -> None:
        self.run("UPDATE authorization_chargeexception SET enabled = %s WHERE id = %s", [enabled, rule])

    def run(self, query: str, values: list[Any]) -> None:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(self.url, autocommit=True, connect_timeout=5)
            self._connection.execute(query, values)  # type: ignore[arg-type]
        except psycopg.Error as error:
            self._connection = None
            raise Unknown(str(error)) from None


class Hand:
    """QuerySet.update() in a Django process of its own."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.drills.hand"],
            cwd=PROJECT, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._lock = threading.Lock()

    def ask(self, name: str, *arguments: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            print(json.dumps([name, arguments]), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        assert line, "the Django process ended"
        return json.loads(line)

    def set_valid(self, token: int, valid: bool) -> None:
        if self.ask("update", token, valid) != 1:
            raise Unknown("it was not updated")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class Http:
    """What both ways over HTTP have in common: one connection, and anything unforeseen is Unknown."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def _send(
        self, method: str, path: str, body: str | bytes, headers: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, str]:
        try:
            self._connection.request(method, path, body or None, headers)
            answer = self._connection.getresponse()
            return answer, answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Unknown(repr(error)) from None


class Api(Http):
    """PATCH with an Admin's key."""

    def __init__(self, port: int, key: str) -> None:
        super().__init__(port)
        self._headers = {"Authorization": f"Token {key}", "Content-Type": "application/json"}

    def set_valid(self, token: int, valid: bool) -> None:
        answer, text = self._send("PATCH", f"/api/v1/tokens/{token}/", json.dumps({"valid": valid}), self._headers)
        if answer.status != 200:
            raise Unknown(f"{answer.status} {text[:200]}")


class Csv(Http):
    """A program that uploads a list of cards, looks at the preview and finalises.

    A small list is read and applied in the requests, a larger one by the worker.
    """

    SMALL, LARGE = 200, 7_000  # rows
    FRAME = "frame-of-the-drill"

    def __init__(self, port: int, key: str, emsp: int, uids: Mapping[int, str], rows: int) -> None:
        """uids: by token. rows: of the list, in which all but one say what is so already."""
        super().__init__(port)
        self._key, self._emsp, self._uids = key, emsp, uids
        self.last: Any = None  # the import, as the API shows it at its end
        self._others = "".join(f"06{number:012X};true;{'x' * 60}\r\n" for number in range(rows - 1))

    def set_valid(self, token: int, valid: bool) -> None:
        self._connection.close()  # the server may have tired of the one that was kept since the last list
        text = f"UID;Valid;Issuer\r\n{self._uids[token]};{'true' if valid else 'false'};\r\n{self._others}"
        form = multipart(self.FRAME, {"kind": "tokens", "emsp": self._emsp}, text)
        found = self._ask("POST", "imports/", form, f"multipart/form-data; boundary={self.FRAME}")
        found = self._settled(found, "staging", "preview")
        if found["totals"]["errors"]:
            raise Unknown(f"{found['totals']}")
        self._ask("POST", f"imports/{found['id']}/finalise/", b"{}")
        self.last = self._settled(found | {"status": "finalising"}, "finalising", "finalised")

    def _settled(self, found: Any, while_: str, then: str) -> Any:
        until = time.monotonic() + PATIENCE
        while found["status"] == while_ and time.monotonic() < until:
            found = self._ask("GET", f"imports/{found['id']}/")
            time.sleep(0.02)
        if found["status"] != then:
            raise Unknown(f"{found['status']} {found.get('message', '')}")
        return found

    def _ask(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> Any:
        headers = {"Authorization": f"Token {self._key}", "Content-Type": kind}
        answer, text = self._send(method, f"/api/v1/{path}", body, headers)
        if answer.status >= 300:
            raise Unknown(f"{answer.status} {text[:200]}")
        return json.loads(text)


def multipart(frame: str, fields: Mapping[str, object], file: str) -> bytes:
    """A form as a browser sends it, with a file of cards."""
    form = "".join(
        f'--{frame}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    form += f'--{frame}\r\nContent-Disposition: form-data; name="file"; filename="cards.csv"\r\n\r\n'
    return f"{form}{file}\r\n--{frame}--\r\n".encode()


class Admin(Http):
    """A browser in the admin: it logs in, opens the page that asks whether to block, says yes, and reads what is said.

    said: is told of each revision that a page says is in force.
    """

    LOGIN = "/admin/login/"

    def __init__(self, port: int, said: Callable[[int, float], None] = lambda revision, at: None) -> None:
        super().__init__(port)
        self._cookies: SimpleCookie = SimpleCookie()
        self._said = said

    def set_valid(self, token: int, valid: bool) -> None:
        path = f"/admin/tokens/token/{token}/{'unblock' if valid else 'block'}/"
        form = self._form(path, "confirmation")
        if ("confirmed", "yes") not in form:
            raise Unknown(f"no question at {path}")
        next_page = self._submit(path, form)
        at = now()  # the sentence is made before the answer is sent, and shown on the next page
        _, text = self._browse("GET", next_page)
        if said := re.search(r"In force at revision (\d+)", text):
            self._said(int(said[1]), at)

    def _form(self, path: str, name: str) -> list[tuple[str, str]]:
        answer, text = self._browse("GET", path)
        if answer.status == 302:
            self._log_in()
            answer, text = self._browse("GET", path)
        if answer.status != 200:
            raise Unknown(f"{answer.status} {text[:200]}")
        return Form.read(text, name)

    def _log_in(self) -> None:
        _, text = self._browse("GET", self.LOGIN)
        fields = [field for field in Form.read(text, "login-form") if field[0] not in ("username", "password")]
        self._submit(self.LOGIN, [*fields, ("username", "admin"), ("password", PASSWORD)])

    def _submit(self, path: str, fields: list[tuple[str, str]]) -> str:
        """Where the next page is."""
        answer, text = self._browse("POST", path, urlencode(fields))
        if answer.status != 302:  # the form again, with what is wrong in it, or an error
            raise Unknown(f"{answer.status} {text[:200]}")
        return answer.headers["Location"]

    def _browse(self, method: str, path: str, body: str = "") -> tuple[http.client.HTTPResponse, str]:
        headers = {"Cookie": "; ".join(f"{name}={morsel.value}" for name, morsel in self._cookies.items())}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        answer, text = self._send(method, path, body, headers)
        for cookie in answer.headers.get_all("Set-Cookie", []):
            self._cookies.load(cookie)
        return answer, text


class Form(HTMLParser):
    """The fields of a form that a browser would send."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.fields: list[tuple[str, str]] = []
        self._inside = False
        self._select = ""
        self._area = ""

    @classmethod
    def read(cls, text: str, name: str) -> list[tuple[str, str]]:
        form = cls(name)
        form.feed(text)
        return form.fields

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self._inside = given.get("id") == self.name
        elif self._inside:
            self._field(tag, given)

    def _field(self, tag: str, given: dict[str, str | None]) -> None:
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "input" and name and given.get("type") not in ("submit", "button", "file"):
            if given.get("type") not in ("checkbox", "radio") or "checked" in given:
                self.fields.append((name, value or ("on" if given.get("type") == "checkbox" else "")))
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in given:
            self.fields.append((self._select, value))
        elif tag == "textarea":
            self._area = name
            self.fields.append((name, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._inside and self._area:
            self.fields[-1] = (self._area, self.fields[-1][1] + data.removeprefix("\n"))
