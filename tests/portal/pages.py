"""Reads the admin's pages as a browser would: what a form would send, what it says."""

from html.parser import HTMLParser
from typing import Any

from django.test import Client

Fields = dict[str, str | list[str]]


class _Form(HTMLParser):
    """The named fields of a page's forms with the values that a browser would send back unchanged."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: Fields = {}
        self._select = self._textarea = ""
        self._several = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        if tag == "input" and name and given.get("type") not in ("submit", "file"):
            if given.get("type") not in ("checkbox", "radio") or "checked" in given:
                self.fields[name] = given.get("value") or "on" * (given.get("type") == "checkbox")
        elif tag == "select":
            self._select, self._several = name, "multiple" in given
            self.fields[name] = [] if self._several else ""
        elif tag == "option" and self._select and "selected" in given:
            value, so_far = given.get("value") or "", self.fields[self._select]
            self.fields[self._select] = [*so_far, value] if self._several else value
        elif tag == "textarea":
            self._textarea = name
            self.fields[name] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._textarea = ""

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.fields[self._textarea] = data.strip()


def filled(client: Client, url: str) -> Fields:
    """The fields of the form at `url`, as it comes, without those of empty rows that scripts copy."""
    response = client.get(url)
    assert response.status_code == 200, (url, response.status_code)
    form = _Form()
    form.feed(response.content.decode())
    return {name: value for name, value in form.fields.items() if "__prefix__" not in name and name != "_save"}


def send(client: Client, url: str, **changes: Any) -> Any:
    """Fills in the form at `url`, changes some fields (None: leaves one out) and sends it."""
    data = filled(client, url) | {name.replace("__dash__", "-"): value for name, value in changes.items()}
    return client.post(url, {name: value for name, value in data.items() if value is not None})


def errors(response: Any) -> dict[str, list[str]]:
    """What the form that came back says, by field (`__all__`: the whole form); inline rows under their prefix."""
    assert response.status_code == 200, f"saved or redirected: {response.status_code}"
    found: dict[str, list[str]] = {
        name: list(texts) for name, texts in response.context["adminform"].form.errors.items()
    }
    for formset in response.context["inline_admin_formsets"]:
        for row in formset.formset.errors:
            found |= {f"{formset.formset.prefix}.{name}": list(texts) for name, texts in row.items()}
        if formset.formset.non_form_errors():
            found[formset.formset.prefix] = list(formset.formset.non_form_errors())
    return found


def said(client: Client, response: Any) -> str:
    """The messages on the page that a response leads to."""
    page = client.get(response.headers["Location"])
    return " ".join(str(message) for message in page.context["messages"])
