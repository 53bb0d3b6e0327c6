"""What imports say of a file, in the reader's language.

It is written down in English, by workers and by the database, and told so by the API; a page shows it translated. The
sentences stand here once more, with names for what changes in them.
"""

import re
from functools import cache

from django.utils.translation import gettext, gettext_noop

_ = gettext_noop
SENTENCES = (
    # Of a file.
    _("This file is %(what)s, whatever its name says. Save it as CSV and upload that."),
    _("This file is empty."),
    _("This file is no text: it is full of NUL bytes. Save it as CSV and upload that."),
    _("This file has a header and no rows."),
    _("This file has a line of more than %(most)s characters: it is no list, or a cell of it is far too long."),
    _("Behind row %(row)s stands what is no %(encoding)s: byte %(byte)s."),
    _("Row %(row)s has %(count)s cells, at most %(most)s are read."),
    _("Row %(row)s has a cell of more than %(most)s characters. Is there a quotation mark that is never closed?"),
    _("A quotation mark that opens in row %(row)s is never closed."),
    _("Two columns are called %(name)s. Which of them counts is not ours to say: rename one."),
    _(
        "No column of this file is called %(names)s: its first row has %(seen)s. Name the columns in the first row, or"
        " say what each of them is (columns)."
    ),
    _("A list is cleared only by a file without an error and with a valid row. Correct it, or do not clear."),
    # Of an import.
    _("Something has changed since this preview was made: look at it again."),
    _("Others kept changing the same rows. Nothing was changed: finalise it again."),
    _("The database refused this file. Nothing was changed."),
    _("This is not for you to import any more. Nothing was changed."),
    _("This was begun several times and never came to its end. Nothing was changed."),
    _("%(count)s rows have errors. Correct them, or finalise without these rows (skip_errors)."),
    _("This import was undone already."),
    _("The list was changed since: it is not taken back over what others did."),
    _("Only an import into an authorization list that was finalised can be undone."),
    # Of a row.
    _("The quotation marks of this row are not in pairs: %(why)s."),
    _("This row has %(count)s cells, and the first row %(width)s."),
    _("This row has no %(names)s."),
    # Of a cell.
    _("This holds a NUL character."),
    _("This has %(count)s characters, at most %(most)s fit."),
    _(
        "A spreadsheet has turned this into a rounded number: the digits behind it are lost. Format the column as text"
        " and paste it anew."
    ),
    _("This is none of %(words)s."),
    _("This is neither true nor false."),
    _("This is no language of ISO 639-1, like nl."),
    _("This is no date. Write it like 2027-12-31, or 2027-12-31T23:59:59Z."),
    _("There is no such date or time."),
    _("Is this day and month, or month and day? Say so (date_style), or write it like 2027-12-31."),
    _("Other dates of this file are %(style)s, and this one cannot be."),
    _("The uid of an EMAID token is its Auth ID."),
    _("A number of %(count)s digits is no %(type)s's uid: has a spreadsheet dropped its zeros?"),
    _("The uid of an RFID card or a MAC address is hexadecimal: 0-9 and A-F (space, `:` and `-` between)."),
    _("The %(what)s is empty."),
    _("The %(what)s may hold only printable ASCII characters: retype it, a look-alike letter is no match."),
    _("A party is a country code and a party id, like NL-GFX."),
    # Of a row, against the others and what is there.
    _("This uid stands twice in this file, first in row %(row)s."),
    _("This Auth ID stands twice in this file, first in row %(row)s."),
    _("This Auth ID stands twice in this file, with a uid in row %(row)s."),
    _("This member stands twice in this file, first in row %(row)s."),
    _("This is the token of row %(row)s as well."),
    _("This uid is taken."),
    _("This Auth ID is taken."),
    _("Several tokens carry this Auth ID: say by its uid which of them this is."),
    _("The token of this Auth ID is of another type: %(type)s. Say by its uid which one this is."),
    _("No Auth ID of this eMSP: it begins with the eMSP's party, or a token of it carries it."),
    _("There is no such customer."),
    _("There is no such driver."),
    _("There is no such location."),
    _("There is no such %(party)s."),
    _("The driver of this token belongs to another customer."),
    _("Several drivers have this external ID: say whose (customer_external_id)."),
    _("Several locations have this id: say whose (cpo)."),
)


def in_the_readers_words(text: str) -> str:
    """A sentence of an import as the page's reader reads it; what is none of ours stays as it is."""
    for sentence, pattern in _patterns():
        if match := pattern.fullmatch(text):
            return gettext(sentence) % match.groupdict()
    return text


def is_known(text: str) -> bool:
    """Whether it is one of these sentences."""
    return any(pattern.fullmatch(text) for _sentence, pattern in _patterns())


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    found = []
    for sentence in SENTENCES:
        # What is between the names stands as it is; the names themselves match anything.
        parts = re.split(r"%\((\w+)\)s", sentence)
        parts[::2] = map(re.escape, parts[::2])
        parts[1::2] = (f"(?P<{name}>.+?)" for name in parts[1::2])
        found.append((sentence, re.compile("".join(parts), re.DOTALL)))
    return found
