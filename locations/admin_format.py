"""How the portal writes a moment, in the reader's language: for Python and, as filters, for templates."""

from datetime import datetime

from django import template
from django.utils.dateformat import format as written
from django.utils.translation import pgettext

register = template.Library()


@register.filter
def moment(value: datetime | None) -> str:
    """To the minute, as 1 Dec 2026 08:00, by the clock that `value` shows."""
    # Translators: letters of Django's date filter.
    return written(value, pgettext("date format", "j M Y H:i")) if value is not None else ""


@register.filter
def instant(value: datetime | None) -> str:
    """To the second."""
    # Translators: letters of Django's date filter.
    return written(value, pgettext("date format", "j M Y H:i:s")) if value is not None else ""


@register.filter
def day(value: datetime | None) -> str:
    # Translators: letters of Django's date filter.
    return written(value, pgettext("date format", "j M Y")) if value is not None else ""
