"""Looking for the content of events that came with another than they were signed with: whoever has it may give it.

Only a redacted form is kept of such an event. A server that wants a message, or a rule of a room, to be empty here has only to
deliver it first: so the others are asked, the sender's own server first. And one that wants to be read again here what was
redacted before this server came has only to deliver it as it was: so the sender's own server is asked then, too. What that one
says is remembered.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.calls import RoomCalls
from chappe.homeserver.rooms.remote.checks import PduChecks, SignedPdu
from chappe.homeserver.rooms.remote.errands import AskedEnough
from chappe.homeserver.rooms.remote.receive_pdu import Receiver
from chappe.homeserver.rooms.rooms import MEMBER
from chappe.matrix.errors import MatrixError
from chappe.matrix.events import redacts_of
from chappe.matrix.identifiers import domain_of

SERVERS_ASKED = 4
AT_ONCE = 10
MOST_LOOKED_FOR = 200  # of a state: what changes the room comes before its members
PATIENCE = 30.0  # seconds for what is to be received
WAITS = (0.0, 5.0, 60.0)  # seconds: the others may not know yet that this server is in the room


class FitCopies:
    def __init__(self, receiver: Receiver, checks: PduChecks, calls: RoomCalls) -> None:
        self._receiver, self._checks, self._calls = receiver, checks, calls

    async def fill(self, room: LiveRoom, events: Sequence[SignedPdu], servers: Sequence[str]) -> list[SignedPdu]:
        """Returns the events, with copies in place of those without their content, where some server has one. An event that is
        stored without its content is confirmed by its sender's own server.

        Only the first MOST_LOOKED_FOR are looked for, for PATIENCE seconds: one server must not have others asked without end, nor
        hold up what has come from another. `servers`: those that may have copies, first the one that sent the events.
        """
        wanted = await self._not_redacted(room, [e for e in events if e.awaits_content], events)
        return await self._found(room, events, [*wanted, *await self._late(room, events)], servers)

    async def confirm(self, room: LiveRoom, events: Sequence[SignedPdu], servers: Sequence[str]) -> list[SignedPdu]:
        """Confirms events that are stored without their content, as `fill` does, and looks for no copies of the others."""
        return await self._found(room, events, await self._late(room, events), servers)

    async def _late(self, room: LiveRoom, events: Sequence[SignedPdu]) -> list[SignedPdu]:
        """Those of the events that bring content, and are stored without it."""
        whole = [event.event_id for event in events if not event.is_unfit and not event.is_confirmed]
        late = await self._receiver.store.without_content(room.nid, whole)
        return [event for event in events if event.event_id in late]

    async def _found(
        self, room: LiveRoom, events: Sequence[SignedPdu], wanted: Sequence[SignedPdu], servers: Sequence[str]
    ) -> list[SignedPdu]:
        found: dict[str, SignedPdu] = {}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._find_many(room, wanted[:MOST_LOOKED_FOR], servers, found)
        return [found.get(event.event_id, event) for event in events]

    async def look_for(self, room: LiveRoom, events: Iterable[SignedPdu], servers: Sequence[str]) -> None:
        """Looks for the content of state events that are stored without it, and stores it. Where the sender's own server says that the
        event was redacted, it was."""
        ordered = sorted(events, key=lambda e: e.pdu["type"] == MEMBER)[:MOST_LOOKED_FOR]
        for wait in WAITS:
            ordered = await self._not_redacted(room, ordered, ())
            if not ordered:
                return
            await asyncio.sleep(wait)
            found: dict[str, SignedPdu] = {}
            await self._find_many(room, ordered, servers, found)
            async with self._receiver.lock(room):
                await self._receiver.outliers.adopt(room, found)
            ordered = [event for event in ordered if event.event_id not in found]

    async def _not_redacted(self, room: LiveRoom, events: Sequence[SignedPdu], beside: Iterable[SignedPdu]) -> list[SignedPdu]:
        """Those of the events that no redaction redacts, be it stored or `beside` them. Of the others nobody will see the content."""
        if not events:
            return []
        redacted = {redacts_of(e.pdu, room.version) for e in beside if e.pdu["type"] == "m.room.redaction"}
        held = await self._receiver.store.redactions_held([event.event_id for event in events])
        return [event for event in events if event.event_id not in redacted and event.event_id not in held]

    async def _find_many(
        self, room: LiveRoom, events: Sequence[SignedPdu], servers: Sequence[str], found: dict[str, SignedPdu]
    ) -> None:
        """Adds the copies that are found to `found`, as they come."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(event: SignedPdu) -> None:
            async with gate:
                with contextlib.suppress(AskedEnough):  # nobody was asked: it is neither filled nor believed
                    copy = await (self._find if event.is_unfit else self._confirmed)(room, event, servers)
                    if copy is not None:
                        found[event.event_id] = copy

        await asyncio.gather(*(one(event) for event in events))

    async def _find(self, room: LiveRoom, event: SignedPdu, servers: Sequence[str]) -> SignedPdu | None:
        """A copy whose hash fits, or what the sender's own server says that is left. Another's word that there is nothing ends
        no search."""
        for server in self._asked(room, event, servers):
            copy = await self._ask(room, server, event)
            if copy is not None and (not copy.is_unfit or copy.is_confirmed):
                return replace(copy, is_confirmed=True)
        return None

    async def _confirmed(self, room: LiveRoom, event: SignedPdu, servers: Sequence[str]) -> SignedPdu | None:
        """Of a copy that has what is here without its content: the copy, where the sender's own server has it too; what that one
        says that is left. Without its word all are asked: None where any of them says that it was redacted, since who has kept
        it may be asked first. Where nobody says so, the copy is believed."""
        for server in self._asked(room, event, servers):
            copy = await self._ask(room, server, event)
            if copy is None or copy.is_altered:
                continue
            if copy.awaits_content:
                return None
            if server == domain_of(event.pdu["sender"]):
                return copy if copy.is_unfit else replace(event, is_confirmed=True)
        return replace(event, is_confirmed=True)

    def _asked(self, room: LiveRoom, event: SignedPdu, servers: Sequence[str]) -> list[str]:
        """The sender's own server first. Who sent this copy is asked only where it is that."""
        home = domain_of(event.pdu["sender"])
        asked = [s for s in self._calls.servers(room, [home, *servers[1:]]) if s == home or s not in servers[:1]]
        return asked[:SERVERS_ASKED]

    async def _ask(self, room: LiveRoom, server: str, event: SignedPdu) -> SignedPdu | None:
        """What a server has of an event; confirmed, where it is the sender's own. None where it does not answer. Raises AskedEnough."""
        try:
            raw = await self._calls.event(room, server, event.event_id)
        except AskedEnough:  # no silence like others: a copy that was believed for it would undo a redaction
            raise
        except MatrixError:
            return None
        copy = (await self._checks.check_many([raw], room.version)).get(event.event_id)
        if copy is None or copy.room_id != room.room_id:
            return None
        return copy.confirmed() if server == domain_of(copy.pdu["sender"]) else copy
