"""Two people at one form: who saves later is shown what the first one changed, and overwrites nothing unseen.

The form carries a digest of each of its fields as the page showed it. Saving locks the row first, so that nobody comes
between the look and the write: one query by primary key, and no more.
"""

from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    Page = ModelAdmin[Any]
else:
    Page = object

FIELD = "_version"


class Versioned(Page):
    """An admin whose form of an existing object is refused, and shown again, where somebody else was faster."""

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        obj = super().get_object(request, object_id, from_field)
        if obj is not None and getattr(request, "saves_form", False):
            try:
                obj.refresh_from_db(from_queryset=self.model._base_manager.select_for_update(no_key=True))
            except self.model.DoesNotExist:
                return None
        return obj

    def changeform_view(  # type: ignore[override]
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponseBase:
        # Django reads the object inside the transaction of a POST, and only of a POST.
        request.saves_form = request.method == "POST" and object_id is not None  # type: ignore[attr-defined]
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        finally:
            request.saves_form = False  # type: ignore[attr-defined]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return _guarded(form, request.POST.get(FIELD, "")) if change else form


def _guarded(form: Any, sent: str) -> Any:
    """The form class, refused where fields are not what they were for whoever opened it. Nothing sent: not asked."""
    before = dict(part.split(":", 1) for part in sent.split() if ":" in part)

    def version(self: Any) -> str:
        return " ".join(f"{name}:{_digest(self.initial.get(name))}" for name in _watched(self))

    def clean(self: Any) -> Any:
        cleaned = super(guarded, self).clean()
        if before:
            _compare(self, before)
        return cleaned

    guarded: Any = type(form.__name__, (form,), {"clean": clean, "version": version})
    return guarded


def _watched(form: Any) -> list[str]:
    return [name for name, field in form.fields.items() if not field.disabled]


def _compare(form: Any, before: dict[str, str]) -> None:
    """Adds an error to every field that somebody else has changed, unless both mean the same now."""
    changed = False
    for name in _watched(form):
        now = form.initial.get(name)
        typed = _digest(form.cleaned_data[name]) if name in form.cleaned_data else ""
        if before.get(name) in (None, _digest(now)) or typed == _digest(now):
            continue
        changed = True
        if typed == before[name]:
            # The operator left it alone: what stands there now is shown, lest the next save undoes it.
            _put(form, name, now)
            text = gettext("Somebody else changed this while you had the page open. This is the new value.")
        else:
            text = gettext(
                "Somebody else changed this to “%(value)s” while you had the page open. "
                "Saving again puts what stands here in its place."
            ) % {"value": _shown(form, name, now)}
        form.add_error(name, text)
    if changed:
        form.add_error(None, gettext("Not saved yet: somebody else was faster. Look at what changed, then save again."))


def _digest(value: Any) -> str:
    return blake2b(_plain(value).encode(), digest_size=8).hexdigest()


def _plain(value: Any) -> str:
    """The same text for a value read from the database and for one that a form has cleaned."""
    if value is None or value == "":
        return ""
    if isinstance(value, Model):
        return str(value.pk)
    if isinstance(value, QuerySet | list | tuple | set):
        return ",".join(sorted(_plain(item) for item in value))
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat()
    return str(value)


def _shown(form: Any, name: str, value: Any) -> str:
    """The value for people; an object only where the field offers it to the user."""
    field = form.fields[name]
    if isinstance(field, forms.ModelChoiceField) and field.queryset is not None:
        pks = [_plain(item) for item in value] if isinstance(value, list | tuple) else [_plain(value)]
        found = [str(row) for row in field.queryset.filter(pk__in=[pk for pk in pks if pk])[:5]]
        return ", ".join(found) or (gettext("another one") if any(pks) else gettext("nothing"))
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if value is None or value == "":
        return gettext("nothing")
    choices = dict(getattr(field, "choices", ()))
    return str(choices.get(value, value))


def _put(form: Any, name: str, value: Any) -> None:
    """Has the form show the value, as if it had been typed."""
    field, key = form.fields[name], form.add_prefix(name)
    # The admin wraps the widget of a reference, to hang its buttons on.
    widget, value = getattr(field.widget, "widget", field.widget), field.prepare_value(value)
    data = form.data = form.data.copy()
    if isinstance(widget, forms.MultiWidget):
        several: Any = widget
        for suffix, part, single in zip(several.widgets_names, several.decompress(value), several.widgets, strict=True):
            data[key + suffix] = single.format_value(part) or ""
    elif isinstance(widget, forms.CheckboxInput):
        data.pop(key, None)
        if value:
            data[key] = "on"
    else:
        text = widget.format_value(value)
        data.setlist(key, list(text) if isinstance(text, list | tuple) else [text or ""])
