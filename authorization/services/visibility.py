"""Which locations a driver's app may show to a card."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from authorization.models import AuthorizationListEntry
from authorization.questions import parse
from authorization.services import charging
from authorization.services.keys import Caller
from locations.access import Scope, visible_to
from locations.ids import BadId
from locations.models import Location
from tokens import ids
from tokens.models import Token

# As many private locations as are asked about at once.
MOST = 1000


def open_to(locations: QuerySet[Any], auth_id: str, scope: Scope, now: datetime) -> QuerySet[Any]:
    """Those of the locations that are public, and the private ones where a token with this Auth ID may charge now.

    Of tokens that the user may not see nothing is told: there a private location counts if its list names the Auth ID.
    Logs nothing. Raises NoRules.
    """
    try:
        form = ids.auth_id(auth_id)
    except BadId:
        return locations.filter(published=True)
    known = visible_to(scope, Token.objects.filter(auth_id_normal=form))
    entries = AuthorizationListEntry.objects.filter(location__in=locations.order_by().values("pk"))
    if not known.exists():
        listed = entries.filter(auth_id=form)
        return locations.filter(Q(published=True) | Q(pk__in=listed.values("location")))
    listed = entries.filter(Q(auth_id=form) | Q(customer__in=known.order_by().values("customer")))
    places = Location.objects.filter(pk__in=listed.values("location")).order_by("pk").select_related("cpo")[:MOST]
    return locations.filter(Q(published=True) | Q(pk__in=_allowed(list(places), auth_id, scope, now)))


def _allowed(places: list[Location], auth_id: str, scope: Scope, now: datetime) -> list[int]:
    """Primary keys of the places where the engine accepts the Auth ID at `now`."""
    # Enough of the user for the store to know who asks; not to be saved.
    user = User(pk=scope.user, is_active=True, is_superuser=scope.everything)
    asked = [
        parse({"id_token": auth_id, "token_type": "e_maid", "location_id": place.location_id, "cpo": place.cpo.code})
        for place in places
    ]
    if not asked:
        return []
    answers = charging.answers_to(asked, Caller(0, "visible_to_token", user=user), now)
    return [
        place.pk
        for place, answer in zip(places, answers, strict=True)
        if isinstance(answer, charging.Answer) and answer.verdict.accepted
    ]
