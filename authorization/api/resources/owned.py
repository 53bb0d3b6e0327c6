"""Groups and exceptions belong to the party that made them; an Admin's belong to nobody, and everybody uses them."""

from typing import Any

from rest_framework import serializers

from authorization.api.resources.base import Checked
from locations.access import MANAGE_CPO, Scope
from tokens.access import emsps

OWNERS = ("owner_cpo", "owner_emsp")


class OwnedSerializer(Checked):
    """A manager's one party is filled in, one of several is to be named, and stays."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if self.scope.everything:
            return attrs
        given = {name: getattr(attrs[name], "pk", None) for name in OWNERS if name in attrs}
        if self.instance is not None:
            for name, pk in given.items():
                if pk != getattr(self.instance, f"{name}_id"):
                    raise serializers.ValidationError({name: "The owner stays the same."}, "immutable")
        elif not any(given.values()):
            name, pk = self._only_party()
            attrs |= {f"{name}_id": pk}
        return attrs

    def _only_party(self) -> tuple[str, int]:
        parties = own_parties(self.scope)
        if len(parties) != 1:
            raise serializers.ValidationError(
                {"owner_cpo": "You manage several parties: say whose this is, with owner_cpo or owner_emsp."},
                "required",
            )
        return parties[0]


def own_parties(scope: Scope) -> list[tuple[str, int]]:
    """The parties granted, as owners: sub-CPOs come with theirs and are not counted."""
    cpos = scope.granted.get(MANAGE_CPO, frozenset())
    return [("owner_cpo", pk) for pk in sorted(cpos)] + [("owner_emsp", pk) for pk in sorted(emsps(scope))]
