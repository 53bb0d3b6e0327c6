"""What the database says when it refuses a change, as a sentence beside the field it is about.

The rules live in the database (named constraints and triggers), so the admin does not repeat them: it saves, and where
that is refused shows the form again with what was typed and the reason.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.apps import apps
from django.db import IntegrityError
from django.db.models import ProtectedError, RestrictedError
from django.http import HttpRequest
from django.utils.text import get_text_list
from django.utils.translation import gettext, gettext_lazy

OTHERWISE = gettext_lazy(
    "The database refused this: another object uses it, or has just changed. Reload the page and try again."
)
# constraint name → the field it is about (or None), and what to say (or None: the constraint's own text)
Refusals = Mapping[str, tuple[str | None, Any]]


def explain(error: IntegrityError, refusals: Refusals) -> tuple[str | None, str]:
    """The field (None: the whole form) and the sentence for a refused change."""
    if isinstance(error, ProtectedError | RestrictedError):
        users = error.protected_objects if isinstance(error, ProtectedError) else error.restricted_objects
        names = sorted(f"{user._meta.verbose_name} {user}" for user in list(users)[:5])
        return None, gettext("It is in use by %(names)s: remove it there first.") % {
            "names": get_text_list(names, gettext("and"))
        }
    diagnosis = getattr(error.__cause__, "diag", None)
    name = getattr(diagnosis, "constraint_name", None) or ""
    field, text = refusals.get(name, (None, None))
    if text is None and getattr(diagnosis, "source_function", "") == "exec_stmt_raise":
        text = gettext(diagnosis.message_primary)  # type: ignore[union-attr]  # a trigger of ours wrote it for people
    return field, str(text or _texts().get(name) or OTHERWISE)


@cache
def _texts() -> dict[str, Any]:
    """Each named constraint's own text, where the model gives it one."""
    return {
        constraint.name: constraint.violation_error_message
        for model in apps.get_models()
        for constraint in model._meta.constraints
        if constraint.violation_error_message != constraint.default_violation_error_message
    }


def queued(request: HttpRequest) -> int:
    """How many messages wait to be shown."""
    return len(getattr(getattr(request, "_messages", None), "_queued_messages", []))


def unsay(request: HttpRequest, said: int) -> None:
    """Takes back messages of a change that was then refused: at its commit, after Django reported success."""
    queued = getattr(getattr(request, "_messages", None), "_queued_messages", None)
    if queued is not None:
        del queued[said:]
