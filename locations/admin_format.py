"""How the portal writes a moment, and names its parts, in the reader's language: for Python and as filters."""

from datetime import datetime

from django import template
from django.apps import apps
from django.utils.dateformat import format as written
from django.utils.text import capfirst
from django.utils.translation import gettext, pgettext

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


@register.filter
def part_of_portal(title: object) -> object:
    """The name of an app, where the theme's way back begins with its label."""
    found = apps.app_configs.get(str(title))
    return found.verbose_name if found is not None else title


@register.filter
def word(name: object) -> str:
    """What Django makes of a field's name, in the reader's language; as it is where there is no word for it."""
    text = str(name)
    known = (gettext(spelled) for spelled in (text, capfirst(text)) if spelled)
    return next((found for found in known if found not in (text, capfirst(text))), text)
