"""Messages to stations: rows that are delivered after the transaction which wrote them."""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from django.db import connection

from chargers import josev
from chargers.models import AuthorizationInUse, Command, StationLink, StationMessage

CHANNEL = "chargeward_station"  # PostgreSQL's notification that there is something to deliver
OUT = "josev/cs"
KEPT = timedelta(days=7)  # messages hold ids of tokens; who was away for longer asks anew
MQTT, OCPP = StationMessage.Channel.MQTT, StationMessage.Channel.OCPP


def topic_of(identity: str) -> str:
    """A station's prefix on the broker: its identity, with what a topic cannot hold percent-encoded."""
    return quote(identity, safe="")


def tell_update(uses: Iterable[AuthorizationInUse], status: str, text: str, now: datetime) -> None:
    """Has every station told that its authorization began or ended here, and the partners beside it. uses: with
    station and EVSE, and with what was presented."""
    uses = list(uses)
    links = _links(use.station_id for use in uses)
    rows = []
    for use in uses:
        message_id = uuid.uuid4()
        body = josev.update(
            message_id,
            status,
            token_type=use.token_type,
            id_token=use.presented or None,
            evse_id=use.evse.evse_id if use.evse else None,
        )
        channel, topic = _way(links.get(use.station_id), ocpp=bool(use.reference))
        rows.append(
            StationMessage(
                location_id=use.location_id,
                station_id=use.station_id,
                evse_id=use.evse_id,
                message_id=message_id,
                channel=channel,
                topic=topic,
                type=f"authorization_{status}",
                text=text,
                body=body,
                use=use,
                notifies=True,
                created_at=now,
            )
        )
    put(rows)


def tell_command(command: Command, body: dict[str, Any], now: datetime) -> None:
    """Has the station told what it is to do."""
    channel, topic = _way(_links([command.station_id]).get(command.station_id))
    put(
        [
            StationMessage(
                location_id=command.location_id,
                station_id=command.station_id,
                evse_id=command.evse_id,
                message_id=command.message_id,
                channel=channel,
                topic=topic,
                type=f"command_{command.kind}",
                text=str(command),
                body=body,
                use=command.use,
                command=command,
                notifies=True,
                created_at=now,
            )
        ]
    )


def put(rows: list[StationMessage]) -> None:
    """Writes messages in the caller's transaction, and wakes whoever delivers once that is committed."""
    if not rows:
        return
    StationMessage.objects.bulk_create(rows)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])


def _links(stations: Iterable[int | None]) -> dict[int | None, StationLink]:
    return {link.station_id: link for link in StationLink.objects.filter(station__in={*stations} - {None})}


def _way(link: StationLink | None, *, ocpp: bool = False) -> tuple[str, str]:
    """(channel, topic); an empty topic is the station's own."""
    if ocpp or (link is not None and link.channel == OCPP):
        return OCPP, ""
    return MQTT, "" if link is None or link.prefixed else OUT


def topic(message: StationMessage) -> str:
    """Where a message goes on the broker."""
    if message.topic:
        return message.topic
    return f"{topic_of(message.station.identity)}/{OUT}" if message.station is not None else OUT


def notification(message: StationMessage) -> dict[str, Any]:
    """A message as partners' platforms get it: the body of a `chargestationnotifications` object."""
    return {
        "id": str(message.message_id),
        "charge_station": message.station.identity if message.station is not None else None,
        "evse_id": message.evse.evse_id if message.evse is not None else None,
        "type": message.type,
        "message": message.text,
        "timestamp": message.created_at.isoformat(),
    }


def heard(station: int, channel: str, now: datetime, *, prefixed: bool = True) -> None:
    """Notes how a station was heard, to the minute."""
    link = StationLink.objects.filter(station=station).first()
    same = link is not None and (link.channel, link.prefixed) == (channel, prefixed)
    if link is None or not same or now - link.heard_at >= timedelta(minutes=1):
        StationLink.objects.update_or_create(
            station_id=station, defaults={"channel": channel, "prefixed": prefixed, "heard_at": now}
        )
