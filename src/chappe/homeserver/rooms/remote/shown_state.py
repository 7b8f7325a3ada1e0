"""What a room shows of itself to somebody who is not in it (server-server API, "Inviting to a room", "Knocking upon a room";
client-server API, "Stripped state").

Between servers it travels as whole events, among them the create event: who is invited can compute the room's id from it, and
see that each was signed by who is said to have written it. Nothing proves that they are the room's present state. Clients are
shown four fields of each.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.checks import KeyNotFound, PduChecks
from chappe.homeserver.rooms.remote.store import RemoteStore
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.matrix.errors import BadRequest, MatrixError
from chappe.matrix.event_auth import CREATE, StateKey
from chappe.matrix.events import event_id_of, parse_pdu
from chappe.matrix.room_versions import RoomVersion

log = logging.getLogger(__name__)
SHOWN = (
    "m.room.create",
    "m.room.join_rules",
    "m.room.canonical_alias",
    "m.room.avatar",
    "m.room.name",
    "m.room.encryption",
    "m.room.topic",
)
MOST_SHOWN, SHOWN_BYTES = 60, 64 << 10  # of what comes with one invitation: all of it, seen or not
KEY_SECONDS = 10.0  # that the key of one event is waited for: the server that invites does not wait for long
Stripped = dict[str, Any]


class ShownState:
    def __init__(self, store: RemoteStore, checks: PduChecks) -> None:
        self._store, self._checks = store, checks

    async def events(self, room: LiveRoom, sender: str) -> list[bytes]:
        """The PDUs that are sent to the server of somebody whom `sender` invites, or who knocks."""
        numbers = [event.nid for event in shown_of(room.state, sender)]
        pdus = await self._store.pdus(numbers)
        return [pdus[number] for number in numbers]

    async def of_invitation(self, given: object, room_id: str, version: RoomVersion, sender: str) -> list[Stripped]:
        """The stripped state that clients are shown with an invitation by `sender`. Raises M_INVALID_PARAM where the room's version
        asks for more than what came."""
        entries = _entries(given)
        found = await self._checked(entries, room_id, version, sender)
        if version.checks_shown_state:
            if None in found:
                raise BadRequest(
                    "invite_room_state must hold signed events of the room, as its version forms them", "M_INVALID_PARAM"
                )
            if not _holds_create(entries):
                raise BadRequest("invite_room_state must hold the room's m.room.create event", "M_INVALID_PARAM")
            if not any(map(_is_whole, entries)):
                log.info("an invitation shows no signed events", extra={"fields": {"room": room_id}})
        return _cut(found)

    async def of_knock(self, given: object, room_id: str, version: RoomVersion) -> list[Stripped]:
        """The stripped state that clients are shown with a knock, which stands by now: entries that are wrong are left out."""
        return _cut(await self._checked(_entries(given), room_id, version, None))

    async def _checked(
        self, entries: Sequence[Any], room_id: str, version: RoomVersion, sender: str | None
    ) -> list[Stripped | None]:
        """Of each entry what clients see; {} where nobody can say whether it is signed, or clients are not shown it; None where it
        is no event of the room. No server is asked for a key for what nobody will see."""
        seen = _seen(entries, sender)
        checked = await asyncio.gather(*(self._one(entries[place], room_id, version) for place in seen))
        found = dict(zip(seen, checked, strict=True))
        return [found[i] if i in found else _unseen(e, room_id, version) for i, e in enumerate(entries)]

    async def _one(self, given: Any, room_id: str, version: RoomVersion) -> Stripped | None:
        # COMPAT: Synapse sent four fields of each event, in rooms of version 12 too, until July 2026, and refuses nobody for it
        # before June 2027 (element-hq/synapse#19943). The specification lets servers wait for theirs ("Inviting to a room").
        # Whoever signs nothing can claim anything: the check is of who shows events, and no proof against who does not.
        if not _is_whole(given):
            return _stripped_or_none(given)
        try:
            async with asyncio.timeout(KEY_SECONDS):
                checked = await self._checks.check(given, version)
        except (KeyNotFound, TimeoutError):
            # its server may be down, or gone for good: that keeps nobody from being invited by somebody else
            return {} if _room_of(given, version) == room_id else None
        except MatrixError:
            return None
        return _stripped(checked.pdu) if checked.room_id == room_id else None


def shown_of(state: Mapping[StateKey, RoomEvent], sender: str) -> list[RoomEvent]:
    """What an invited person is shown of the room, and of who invites."""
    keys = [*((kind, "") for kind in SHOWN), ("m.room.member", sender)]
    return [event for key in keys if (event := state.get(key)) is not None]


def _entries(given: object) -> list[Any]:
    """As many as are looked at. The create event is among them, wherever it stands."""
    return sorted(given, key=lambda entry: not _is_create(entry))[:MOST_SHOWN] if type(given) is list else []


def _seen(entries: Sequence[Any], sender: str | None) -> list[int]:
    """The places of those that clients are shown: the first of each, and of members only who invites."""
    wanted: set[tuple[str, str | None]] = {*((kind, "") for kind in SHOWN), ("m.room.member", sender)}
    found: dict[tuple[str, object], int] = {}
    for place, entry in enumerate(entries):
        if _stripped_or_none(entry) is not None and (key := (entry["type"], entry["state_key"])) in wanted:
            found.setdefault(key, place)
    return sorted(found.values())


def _unseen(given: Any, room_id: str, version: RoomVersion) -> Stripped | None:
    """Of what clients are not shown: whether it has the form of an event of the room."""
    if _is_whole(given):
        try:
            if _room_of(parse_pdu(given, version), version) != room_id:
                return None
        except MatrixError:
            return None
    return None if _stripped_or_none(given) is None else {}


def _stripped_or_none(given: Any) -> Stripped | None:
    return _stripped(given) if type(given) is dict else None


def _is_create(given: Any) -> bool:
    return type(given) is dict and (given.get("type"), given.get("state_key")) == CREATE


def _holds_create(entries: Sequence[Any]) -> bool:
    """As a whole event, if any of them is one: their server knows what the specification asks for."""
    creates = [entry for entry in entries if _is_create(entry)]
    if any(map(_is_whole, entries)):
        creates = [entry for entry in creates if _is_whole(entry)]
    return bool(creates)


def _is_whole(given: Any) -> bool:
    """Whether an entry means to be an event, and not the four fields of one."""
    return type(given) is dict and ("hashes" in given or "signatures" in given)


def _room_of(event: Any, version: RoomVersion) -> str:
    """The room that an event of good form says it is of."""
    return str(event["room_id"]) if "room_id" in event else "!" + event_id_of(event, version)[1:]


def _stripped(event: Mapping[str, Any]) -> Stripped | None:
    """What clients are meant to see of a state event, and no more; None for what is none."""
    kept = {name: event.get(name) for name in ("type", "state_key", "sender", "content")}
    is_state = all(type(kept[name]) is str for name in ("type", "state_key", "sender")) and type(kept["content"]) is dict
    return kept if is_state else None


def _cut(events: Sequence[Stripped | None]) -> list[Stripped]:
    """The first of these, as many as are stored."""
    result, left = [], SHOWN_BYTES
    for event in events:
        if event and (size := len(orjson.dumps(event))) <= left:
            left -= size
            result.append(event)
    return result
