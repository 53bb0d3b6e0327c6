"""OCPP 2.0.1: a station's calls to services and back."""

from typing import Any

from ocpp.charge_point import camel_to_snake_case
from ocpp.routing import on
from ocpp.v201 import ChargePoint, call, call_result

from chargers.models import AuthorizationInUse
from chargers.ocpp import words
from chargers.ocpp.link import HEARTBEAT, Link, instant
from chargers.services import transactions
from chargers.services.local_lists import Answer
from chargers.services.transactions import Presented

IN_DOUBT = {"status": "Invalid"}
NOTHING = {
    "id": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Relative",
    "chargingSchedule": [
        {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0}]}
    ],
}  # fmt: skip
LIST_LIMIT = {"component": {"name": "LocalAuthListCtrlr"}, "variable": {"name": "ItemsPerMessage"}}


class Station201(Link, ChargePoint):  # type: ignore[misc]
    version = words.V201

    @on("BootNotification")
    def booted(self, **told: Any) -> Any:
        return call_result.BootNotification(current_time=instant(), interval=HEARTBEAT, status="Accepted")

    @on("Heartbeat")
    def beats(self, **told: Any) -> Any:
        return call_result.Heartbeat(current_time=instant())

    @on("StatusNotification")
    def has_status(self, **told: Any) -> Any:
        return call_result.StatusNotification()

    @on("Authorize")
    async def asks(self, id_token: dict[str, Any], **told: Any) -> Any:
        presented = _presented(id_token)
        found = await self.decided(transactions.authorize, presented) if presented else None
        return call_result.Authorize(_info(found.answer.verdict, found.until) if found else IN_DOUBT)

    @on("TransactionEvent")
    async def has_transaction(
        self, event_type: str, transaction_info: dict[str, Any], id_token: dict[str, Any] | None = None,
        evse: dict[str, Any] | None = None, **told: Any,
    ) -> Any:  # fmt: skip
        reference = f"201:{transaction_info['transaction_id']}"
        if event_type == "Ended":
            await self.decided(_finish, reference)
            return call_result.TransactionEvent()
        if id_token is None:
            return call_result.TransactionEvent()
        presented = _presented(id_token)
        number = evse["id"] if evse else None
        begun = await self.decided(transactions.begin, presented, reference, connector=number) if presented else None
        info = _info(begun.verdict, begun.until) if begun is not None else IN_DOUBT
        return call_result.TransactionEvent(id_token_info=info)

    async def list_version(self) -> int | None:
        answer = await self.call(call.GetLocalListVersion())
        return answer.version_number if answer is not None else None

    async def list_limits(self) -> list[str | None]:
        answer = await self.call(call.GetVariables([LIST_LIMIT]))
        return [each.get("attribute_value") for each in answer.get_variable_result] if answer is not None else []

    async def put_list(self, answer: Answer) -> bool:
        payload = camel_to_snake_case(words.send_local_list(answer, self.version))
        return await self._accepted(call.SendLocalList(**payload))

    async def begin_charging(self, presented: dict[str, Any], evse: int | None, number: int) -> bool:
        token = {"id_token": presented["id_token"], "type": words.ID_TOKEN_TYPES[presented["token_type"]]}
        return await self._accepted(call.RequestStartTransaction(token, number, evse))

    async def end_charging(self, use: AuthorizationInUse) -> bool:
        return await self._accepted(call.RequestStopTransaction(str(use.reference).partition(":")[2]))

    async def limit_charging(self, use: AuthorizationInUse | None, *, to_nothing: bool) -> bool:
        if not to_nothing:
            return await self._accepted(call.ClearChargingProfile(charging_profile_id=1))
        number = int(use.place.partition("/")[2] or 0) if use is not None else 0
        profile: Any = camel_to_snake_case(NOTHING)
        if use is not None and use.reference:
            profile |= {"transaction_id": use.reference.partition(":")[2]}
        return await self._accepted(call.SetChargingProfile(number, profile))

    async def _accepted(self, payload: Any) -> bool:
        answer = await self.call(payload)
        return answer is not None and answer.status == "Accepted"


def _presented(id_token: dict[str, Any]) -> Presented | None:
    kind = words.TOKEN_TYPES.get(id_token["type"])
    if kind is None:
        return None
    return Presented(None if kind == "no_authorization" else id_token["id_token"], (kind,))


def _finish(station: int, reference: str, caller: Any, now: Any) -> bool:
    return transactions.finish(station, now, reference=reference)


def _info(verdict: Any, until: Any) -> dict[str, Any]:
    info = {"status": words.status201(verdict)}
    return info | ({"cache_expiry_date_time": instant(until)} if until is not None and verdict.accepted else {})
