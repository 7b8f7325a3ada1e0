"""What a room shows of itself to somebody who is not in it (server-server API, "Inviting to a room", "Knocking upon a room";
client-server API, "Stripped state").

Between servers it travels as whole events, among them the create event: who is invited can compute the room's id from it, and
see that each was signed by who is said to have written it. Nothing proves that they are the room's present state. Clients are
shown four fields of each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from chappe.homeserver.matrix.errors import BadRequest, MatrixError
from chappe.homeserver.matrix.event_auth import CREATE
from chappe.homeserver.matrix.room_versions import RoomVersion
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.checks import KeyNotFound, PduChecks
from chappe.homeserver.rooms.remote.store import RemoteStore
from chappe.homeserver.rooms.room_event import RoomEvent

SHOWN = (
    "m.room.create",
    "m.room.join_rules",
    "m.room.canonical_alias",
    "m.room.avatar",
    "m.room.name",
    "m.room.encryption",
    "m.room.topic",
)
MOST_SHOWN, SHOWN_BYTES = 60, 64 << 10  # of what comes with one invitation: all of it
KEY_SECONDS = 10.0  # that the key of one event is waited for: the server that invites does not wait for long
Stripped = dict[str, Any]


class ShownState:
    def __init__(self, store: RemoteStore, checks: PduChecks) -> None:
        self._store, self._checks = store, checks

    async def events(self, room: LiveRoom, sender: str) -> list[bytes]:
        """As they travel to the server of somebody whom `sender` invites, or who knocks."""
        numbers = [event.nid for event in _shown_of(room, sender)]
        pdus = await self._store.pdus(numbers)
        return [pdus[number] for number in numbers]

    async def of_invitation(self, given: object, room_id: str, version: RoomVersion) -> list[Stripped]:
        """What clients are shown. Raises M_INVALID_PARAM where the room's version wants whole events and has others."""
        entries = _entries(given)
        found = await self._checked(entries, room_id, version)
        if version.checks_shown_state:
            if any(event is None for event in found):
                raise BadRequest(
                    "invite_room_state must hold signed events of the room, as its version forms them",
                    "M_INVALID_PARAM",
                )
            if not any(event and (event["type"], event["state_key"]) == CREATE for event in found):
                raise BadRequest("invite_room_state must hold the room's m.room.create event", "M_INVALID_PARAM")
        return _cut(found)

    async def of_knock(self, given: object, room_id: str, version: RoomVersion) -> list[Stripped]:
        """What clients are shown. The knock is there by now: what is wrong is left out."""
        return _cut(await self._checked(_entries(given), room_id, version))

    async def _checked(self, entries: Sequence[Any], room_id: str, version: RoomVersion) -> list[Stripped | None]:
        """Of each entry what clients see; {} where that cannot be known, None where it is no event of the room."""
        return await asyncio.gather(*(self._one(entry, room_id, version) for entry in entries))

    async def _one(self, given: Any, room_id: str, version: RoomVersion) -> Stripped | None:
        if not version.checks_shown_state and not _is_whole(given):  # as servers did before version 1.16
            return _stripped(given) if type(given) is dict else None
        try:
            async with asyncio.timeout(KEY_SECONDS):
                checked = await self._checks.check(given, version)
        except (KeyNotFound, TimeoutError):
            return {}  # whoever has set a topic may be gone for good: that keeps nobody from being invited
        except MatrixError:
            return None
        return _stripped(checked.pdu) if checked.room_id == room_id else None


def stripped_state(room: LiveRoom, sender: str) -> list[Stripped]:
    """What an invited person is shown of the room, and of who invites."""
    return [orjson.loads(event.stripped()) for event in _shown_of(room, sender)]


def _shown_of(room: LiveRoom, sender: str) -> list[RoomEvent]:
    keys = [*((kind, "") for kind in SHOWN), ("m.room.member", sender)]
    return [event for key in keys if (event := room.state.get(key)) is not None]


def _entries(given: object) -> list[Any]:
    return given[:MOST_SHOWN] if type(given) is list else []


def _is_whole(given: Any) -> bool:
    return type(given) is dict and ("hashes" in given or "signatures" in given)


def _stripped(event: Mapping[str, Any]) -> Stripped | None:
    """What clients are meant to see of a state event, and no more; None for what is none."""
    kept = {name: event.get(name) for name in ("type", "state_key", "sender", "content")}
    is_state = (
        all(type(kept[name]) is str for name in ("type", "state_key", "sender")) and type(kept["content"]) is dict
    )
    return kept if is_state else None


def _cut(events: Sequence[Stripped | None]) -> list[Stripped]:
    """As much as is kept."""
    result, left = [], SHOWN_BYTES
    for event in events:
        if event and (size := len(orjson.dumps(event))) <= left:
            left -= size
            result.append(event)
    return result
