"""Looking for the content of events that came with another than they were signed with: whoever has it may give it.

Only a redacted form is kept of such an event. A server that wants a message, or a rule of a room, to be empty here has only to
deliver it first: so the others are asked, the sender's own server first.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence

from chappe.homeserver.matrix.errors import MatrixError
from chappe.homeserver.matrix.identifiers import domain_of
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.calls import RoomCalls
from chappe.homeserver.rooms.remote.checks import Checked, PduChecks
from chappe.homeserver.rooms.remote.receive import Receiver

SERVERS_ASKED = 4
MOST_LOOKED_FOR = 200  # of a state: what changes the room comes before its members
PATIENCE = 30.0  # seconds for what is to be received
WAITS = (0.0, 5.0, 60.0)  # seconds: the others may not know yet that this server is in the room


class FitCopies:
    def __init__(self, receiver: Receiver, checks: PduChecks, calls: RoomCalls) -> None:
        self._receiver, self._checks, self._calls = receiver, checks, calls

    async def find(self, room: LiveRoom, event: Checked, servers: Sequence[str]) -> Checked | None:
        """A copy whose hash fits; one whose hash does not where that is all that others have; None where nobody answers.

        `servers`: those that may have it; the first is the one that sent this one. Nobody is asked for what a redaction that is
        here already takes away, and the sender's own server is believed when it says so.
        """
        if await self._receiver.store.redactions_held([event.event_id]):
            return event
        home, best = domain_of(event.pdu["sender"]), None
        asked = self._calls.servers(room, [home, *servers[1:]])
        for server in dict.fromkeys([*asked[:SERVERS_ASKED], *servers[:1]]):
            try:
                raw = await self._calls.event(room, server, event.event_id)
            except MatrixError:
                continue
            copy = (await self._checks.check_many([raw], room.version)).get(event.event_id)
            if copy is not None and copy.room_id == room.room_id:
                best = copy
                if server == home or not copy.is_unfit:
                    break
        return best

    async def fill(self, room: LiveRoom, events: Sequence[Checked], servers: Sequence[str]) -> list[Checked]:
        """The events, those without their content with it where somebody has it: of the first of them, and for a while, lest
        one server has others asked without end, or holds up what has come from another."""
        found: dict[str, Checked] = {}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                for event in [e for e in events if e.is_unfit][:MOST_LOOKED_FOR]:
                    if (copy := await self.find(room, event, servers)) is not None:
                        found[event.event_id] = copy
        return [found.get(event.event_id, event) for event in events]

    async def look_for(self, room: LiveRoom, events: Iterable[Checked], servers: Sequence[str]) -> None:
        """Of state that is here without its content. What others do not have either was redacted in earnest."""
        ordered = sorted(events, key=lambda e: e.pdu["type"] == "m.room.member")[:MOST_LOOKED_FOR]
        for wait in WAITS:
            if not ordered:
                return
            await asyncio.sleep(wait)
            found: dict[str, Checked] = {}
            for event in ordered:
                if (copy := await self.find(room, event, servers)) is not None:
                    found[event.event_id] = copy
            async with self._receiver.lock(room):
                await self._receiver.adopt(room, found)
            ordered = [event for event in ordered if event.event_id not in found]
