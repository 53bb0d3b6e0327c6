"""Texts for translation that stand where they cannot be marked: labels that Django makes of fields, what the theme
says, and what the database's triggers say."""

from django.utils.translation import gettext_noop

LABELS = [
    gettext_noop("Authorization required"), gettext_noop("Local pre authorize"),
    gettext_noop("Local authorize offline"), gettext_noop("Allow offline unknown"), gettext_noop("Smart button"),
]  # fmt: skip
HINTS = [gettext_noop("Off: anyone charges here, without a card.")]
# Columns and filters of lists.
COLUMNS = [
    gettext_noop("token type"),
    gettext_noop("ended by"),
    gettext_noop("created at"),
    gettext_noop("file name"),
    gettext_noop("last used at"),
    gettext_noop("prefix"),
    gettext_noop("revoked at"),
    gettext_noop("limited at"),
    gettext_noop("sends base64"),
    gettext_noop("via"),
]
THEME = [
    gettext_noop("After you've created a user, you’ll be able to edit more user options."),
    gettext_noop("Add new item"),
    gettext_noop("Apply Filters"),
    gettext_noop("Choose file to upload"),
    gettext_noop("Dark"),
    gettext_noop("Light"),
    gettext_noop("System"),
    gettext_noop("Go back"),
    gettext_noop("Loading more results..."),
    gettext_noop("More actions"),
    gettext_noop("No recent searches"),
    gettext_noop("No results found"),
    gettext_noop("No results matching your query"),
    gettext_noop("Recent searches"),
    gettext_noop("Return to site"),
    gettext_noop("Run"),
    gettext_noop("Search apps and models..."),
    gettext_noop("Select action"),
    gettext_noop("Toggle password visibility"),
    gettext_noop("Type to search"),
    gettext_noop("This exporter will export the following fields"),
]
# What triggers say to people.
REFUSALS = [
    gettext_noop("This external token stands on a list or in a group: remove it there first."),
    gettext_noop("A blacklist names this token, which has no Auth ID: block it instead."),
    gettext_noop("An exception needs a CPO-side and an eMSP-side group."),
]
