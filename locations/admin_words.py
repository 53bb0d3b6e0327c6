"""Labels and hints that Django makes of field names, for translation: the models themselves speak English."""

from django.utils.translation import gettext_noop

LABELS = [
    gettext_noop("Name"), gettext_noop("Notes"), gettext_noop("Country code"), gettext_noop("Party id"),
    gettext_noop("Time zone"), gettext_noop("Parent CPO"), gettext_noop("Location ID"), gettext_noop("Address"),
    gettext_noop("City"), gettext_noop("Postal code"), gettext_noop("Country"), gettext_noop("Latitude"),
    gettext_noop("Longitude"), gettext_noop("Published"), gettext_noop("Identity"), gettext_noop("Location"),
    gettext_noop("Station"), gettext_noop("Authorization required"), gettext_noop("Local pre authorize"),
    gettext_noop("Local authorize offline"), gettext_noop("Allow offline unknown"), gettext_noop("Smart button"),
    gettext_noop("External ID"), gettext_noop("Customer"), gettext_noop("Driver"), gettext_noop("Type"),
    gettext_noop("Visual number"), gettext_noop("Issuer"), gettext_noop("Valid"), gettext_noop("Whitelist"),
    gettext_noop("Expires at"), gettext_noop("Language"), gettext_noop("Category"), gettext_noop("Enabled"),
    gettext_noop("Action"), gettext_noop("Direction"), gettext_noop("Valid from"), gettext_noop("Valid until"),
    gettext_noop("Owner CPO"), gettext_noop("Owner eMSP"),
]  # fmt: skip
HINTS = [
    gettext_noop("Two letters, like NL."),
    gettext_noop("Three characters, like GFX."),
    gettext_noop("ISO 3166 alpha-3, like NLD."),
    gettext_noop("Default: the CPO's."),
    gettext_noop("A private location cannot be published."),
    gettext_noop("Off: anyone charges here, without a card."),
    gettext_noop("Refuses every token of this eMSP."),
    gettext_noop("Refuses every token of this customer."),
    gettext_noop("Refuses every token of this driver."),
    gettext_noop("What is printed on the card."),
    gettext_noop("Off: blocked."),
    gettext_noop("Refused from this instant on. Empty: never."),
    gettext_noop("ISO 639-1, like nl."),
    gettext_noop("Wall clock at each location. Empty: from ever."),
    gettext_noop("Not any more at this moment. Empty: for ever."),
]
