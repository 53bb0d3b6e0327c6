"""The ways in which people and programs change the database."""

import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any, Protocol
from urllib.parse import urlencode

import psycopg

from portal.stack.options import PROJECT
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

    def _send(self, method: str, path: str, body: str, headers: dict[str, str]) -> tuple[http.client.HTTPResponse, str]:
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


class Admin(Http):
    """A browser in the admin: it logs in, opens the page that asks whether to block, and says yes."""

    LOGIN = "/admin/login/"

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._cookies: SimpleCookie = SimpleCookie()

    def set_valid(self, token: int, valid: bool) -> None:
        path = f"/admin/tokens/token/{token}/{'unblock' if valid else 'block'}/"
        form = self._form(path, "confirmation")
        if ("confirmed", "yes") not in form:
            raise Unknown(f"no question at {path}")
        self._submit(path, form)

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

    def _submit(self, path: str, fields: list[tuple[str, str]]) -> None:
        answer, text = self._browse("POST", path, urlencode(fields))
        if answer.status != 302:  # the form again, with what is wrong in it, or an error
            raise Unknown(f"{answer.status} {text[:200]}")

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
