"""Texts for translation that stand where they cannot be marked: labels that Django makes of a charge station's access
modes, and what the database's triggers say."""

from django.utils.translation import gettext_noop

LABELS = [
    gettext_noop("Authorization required"), gettext_noop("Local pre authorize"),
    gettext_noop("Local authorize offline"), gettext_noop("Allow offline unknown"), gettext_noop("Smart button"),
]  # fmt: skip
HINTS = [gettext_noop("Off: anyone charges here, without a card.")]
# What triggers say to people.
REFUSALS = [
    gettext_noop("This external token stands on a list or in a group: remove it there first."),
    gettext_noop("A blacklist names this token, which has no Auth ID: block it instead."),
    gettext_noop("An exception needs a CPO-side and an eMSP-side group."),
]
