"""What the log says of events that are no decision: what a station reports, and the end of an authorization.

They stand in the log's column of reasons, beside those of `engine.reasons`.
"""

from enum import StrEnum

from django.utils.translation import gettext_lazy as _


class Report(StrEnum):
    REPORTED = "REPORTED"
    OFFLINE_LIST = "OFFLINE_LIST"
    OFFLINE_UNKNOWN = "OFFLINE_UNKNOWN"
    SMART_BUTTON = "SMART_BUTTON"
    DEAUTHORIZED = "DEAUTHORIZED"


SENTENCES = {
    Report.REPORTED: _("The station reported an authorization that was decided elsewhere."),
    Report.OFFLINE_LIST: _("The station was offline and let this charge token in from its own list."),
    Report.OFFLINE_UNKNOWN: _("The station was offline and let anybody in: nobody checked this charge token."),
    Report.SMART_BUTTON: _("Somebody pressed the station's button."),
    Report.DEAUTHORIZED: _("This authorization ended: the token was presented again, or the station said so."),
}
