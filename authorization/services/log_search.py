"""Finding decisions in the log by what somebody has in hand: a card, a place, or the id of a question."""

from typing import Any

from django.db.models import Q

from authorization.sealed import pseudonym
from locations import ids as place_ids
from locations.access import Scope, visible_to, within
from locations.ids import BadId
from locations.models import EVSE, ChargeStation, Location
from tokens.models import Token
from tokens.search import find, normal_forms

AT_MOST = 200  # tokens, and locations


def search_log(rows: Any, term: str, scope: Scope) -> Any:
    """Of decisions that the user sees, those about what was typed; each way is a look into an index.

    An id that was presented, known or not, however it is written; a token, a location, an EVSE or a station that the
    user sees; the caller's own id of a question, where the place is the user's.
    """
    if "\0" in term:
        return rows.none()
    tokens = find(visible_to(scope, Token.objects.order_by()), term).values_list("pk", flat=True)[:AT_MOST]
    marks = [pseudonym(form) for form in {term, *normal_forms(term)}]
    asked = Q(request_id=term)
    if not scope.everything:
        asked &= within("cpo", scope.cpos)
    return rows.filter(
        Q(token_pseudonym__in=marks) | Q(token__in=list(tokens)) | Q(location__in=_places(term, scope)) | asked
    )


def _places(term: str, scope: Scope) -> list[int]:
    named = Q(name__icontains=term) | Q(location_id__iexact=term)
    for model, normal in ((EVSE, place_ids.evse_id), (ChargeStation, place_ids.identity)):
        try:
            form = normal(term)
        except BadId:
            continue
        field = "evse_id_normal" if model is EVSE else "identity_normal"
        named |= Q(pk__in=list(model._default_manager.filter(**{field: form}).values_list("location", flat=True)))
    return list(visible_to(scope, Location.objects.order_by()).filter(named).values_list("pk", flat=True)[:AT_MOST])
