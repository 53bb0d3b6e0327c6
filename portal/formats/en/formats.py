"""English: a year first, because 03/04 is another day on each side of an ocean. The British way is read too."""

DATE_INPUT_FORMATS = ["%Y-%m-%d", "%d/%m/%Y", "%d %b %Y", "%d %B %Y"]
# By the clock of the logs, not a.m. and p.m.
TIME_FORMAT = "H:i"
DATETIME_FORMAT = "j M Y H:i"
SHORT_DATETIME_FORMAT = "j M Y H:i"
