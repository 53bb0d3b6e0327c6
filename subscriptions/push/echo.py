"""What a partner brings us is not told to it again, unless somebody else has changed it since.

Triggers make a delivery of every change, whoever makes it. Of one that the partner brought itself, the delivery then
knows that the partner has what it sent; where that is all there is to tell, nothing is.
"""

from typing import Any

from subscriptions.models import Delivery, Module, PartnerAccess, PushEndpoint
from subscriptions.services import Sight


class Brought:
    """Make it before the change, in its transaction, with the object's primary key where it is there already; then
    settle()."""

    def __init__(self, sight: Sight, module: Module, pk: int | None) -> None:
        self.pk = pk
        endpoint = PushEndpoint.objects.filter(subscription=sight.subscription, module=module, off_at=None).first()
        self.rows = Delivery.objects.filter(endpoint=endpoint) if endpoint else Delivery.objects.none()
        # Locked, so that whoever else changes the object meanwhile has it told after all.
        before = self.rows.select_for_update().filter(object_id=pk or 0).first()
        # What waits is somebody else's change, and may be under way at this moment.
        told = before is None or before.state == Delivery.State.DELIVERED
        # What came in another version of OCPI than is pushed is not told apart.
        access = PartnerAccess.objects.filter(subscription=sight.subscription, version=sight.version)
        self.quiet = endpoint is not None and told and access.exists()

    def settle(self, pk: int, to: tuple[str, ...], shape: dict[str, Any], given: dict[str, Any]) -> None:
        """shape: the object as the partner would be sent it, at `to`; given: what it sent itself."""
        if not self.quiet or self.pk not in (None, pk):
            return
        has = shape | {name: value for name, value in given.items() if name in shape and name != "last_updated"}
        told = {"sent": has, "sent_to": list(to), "known": False, "named": "/".join(to)[:100]}
        if has == shape:
            told |= {"state": Delivery.State.DELIVERED, "gone": []}
        self.rows.filter(object_id=pk, state=Delivery.State.WAITING).update(**told)
