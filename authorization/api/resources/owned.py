"""Groups and exceptions belong to the party that made them; an Admin's belong to nobody, and everybody uses them."""

from typing import Any

from rest_framework import serializers

from authorization.api.resources.base import Checked
from authorization.services.ownership import own_parties

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
            attrs |= self._only_party()
        return attrs

    def _only_party(self) -> dict[str, Any]:
        parties = own_parties(self.scope)
        if len(parties) != 1:
            raise serializers.ValidationError(
                {"owner_cpo": "You manage several parties: say whose this is, with owner_cpo or owner_emsp."},
                "required",
            )
        return {"owner_cpo_id": parties[0].cpo, "owner_emsp_id": parties[0].emsp}
