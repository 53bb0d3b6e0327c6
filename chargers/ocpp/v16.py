"""OCPP 1.6-J: a station's calls to services and back."""

from typing import Any

from ocpp.charge_point import camel_to_snake_case
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result

from chargers.models import AuthorizationInUse
from chargers.ocpp import words
from chargers.ocpp.link import HEARTBEAT, Link, instant
from chargers.services import transactions
from chargers.services.local_lists import Answer
from chargers.services.transactions import Presented

# Where nothing can be decided; never an accept.
IN_DOUBT = {"status": "Invalid"}
NOTHING = {
    "chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0}]},
}  # fmt: skip
LIST_LIMITS = ["LocalAuthListMaxLength", "SendLocalListMaxLength"]


class Station16(Link, ChargePoint):  # type: ignore[misc]
    version = words.V16

    @on("BootNotification")
    def booted(self, **told: Any) -> Any:
        return call_result.BootNotification(current_time=instant(), interval=HEARTBEAT, status="Accepted")

    @on("Heartbeat")
    def beats(self) -> Any:
        return call_result.Heartbeat(current_time=instant())

    @on("StatusNotification")
    def has_status(self, **told: Any) -> Any:
        return call_result.StatusNotification()

    @on("MeterValues")
    def measured(self, **told: Any) -> Any:
        return call_result.MeterValues()

    @on("Authorize")
    async def asks(self, id_tag: str, **told: Any) -> Any:
        found = await self.decided(transactions.authorize, Presented(id_tag))
        return call_result.Authorize(_info(found.answer.verdict, found.until) if found else IN_DOUBT)

    @on("StartTransaction")
    async def starts(self, connector_id: int, id_tag: str, timestamp: str, **told: Any) -> Any:
        # What is sent again, because the answer was lost, has the same instant.
        reference = f"16:{connector_id}:{timestamp}:{id_tag}"
        begun = await self.decided(transactions.begin, Presented(id_tag), reference, connector=connector_id)
        if begun is None:
            return call_result.StartTransaction(0, IN_DOUBT)
        return call_result.StartTransaction(begun.use or 0, _info(begun.verdict, begun.until))

    @on("StopTransaction")
    async def stops(self, transaction_id: int, **told: Any) -> Any:
        await self.decided(_finish, transaction_id)
        return call_result.StopTransaction()

    async def list_version(self) -> int | None:
        answer = await self.call(call.GetLocalListVersion())
        return answer.list_version if answer is not None and answer.list_version >= 0 else None

    async def list_limits(self) -> list[str | None]:
        answer = await self.call(call.GetConfiguration(key=LIST_LIMITS))
        known = (answer.configuration_key or []) if answer is not None else []
        return [each.get("value") for each in known if each["key"] in LIST_LIMITS]

    async def put_list(self, answer: Answer) -> bool:
        payload = camel_to_snake_case(words.send_local_list(answer, self.version))
        return await self._accepted(call.SendLocalList(**payload))

    async def begin_charging(self, presented: dict[str, Any], evse: int | None, number: int) -> bool:
        return await self._accepted(call.RemoteStartTransaction(presented["id_token"], evse))

    async def end_charging(self, use: AuthorizationInUse) -> bool:
        return await self._accepted(call.RemoteStopTransaction(use.pk))

    async def limit_charging(self, use: AuthorizationInUse | None, *, to_nothing: bool) -> bool:
        if not to_nothing:
            return await self._accepted(call.ClearChargingProfile(id=1))
        connector = int(use.reference.split(":")[1]) if use is not None and use.reference else 0
        return await self._accepted(call.SetChargingProfile(connector, camel_to_snake_case(NOTHING)))

    async def _accepted(self, payload: Any) -> bool:
        answer = await self.call(payload)
        return answer is not None and answer.status == "Accepted"


def _finish(station: int, use: int, caller: Any, now: Any) -> bool:
    return transactions.finish(station, now, use=use)


def _info(verdict: Any, until: Any) -> dict[str, Any]:
    info = {"status": words.status16(verdict)}
    return info | ({"expiry_date": instant(until)} if until is not None and verdict.accepted else {})
