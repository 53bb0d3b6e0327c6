"""Which eMSPs a portal user was granted."""

from locations.access import PortalUser, granted
from tokens.models import EMSP

MANAGE_EMSP = "tokens.manage_emsp"


def granted_emsps(user: PortalUser) -> frozenset[int]:
    """Primary keys of the eMSPs granted to the user."""
    return granted(user, MANAGE_EMSP, EMSP)
