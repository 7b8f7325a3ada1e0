"""Closing gaps: the events between what is here and an event that came, or the state at it where they cannot be had."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chappe.homeserver.database.pool import BAD_DATA, DATABASE_LOST
from chappe.homeserver.outbound.federation.client import PeerRefused, PeerUnreachable
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.auth import in_order
from chappe.homeserver.rooms.remote.calls import RoomCalls
from chappe.homeserver.rooms.remote.checks import PduChecks, SignedPdu, require_unaltered
from chappe.homeserver.rooms.remote.errands import AskedEnough, Errands, NeverAsked, needing_others
from chappe.homeserver.rooms.remote.fit_copies import FitCopies
from chappe.homeserver.rooms.remote.outcomes import Received
from chappe.homeserver.rooms.remote.policy_servers import PolicyServers
from chappe.homeserver.rooms.remote.receive_pdu import Receiver
from chappe.homeserver.rooms.remote.stored_pdu import REJECTED
from chappe.homeserver.rooms.remote.witnesses import Witnesses
from chappe.homeserver.rooms.remote.write_pdu import ReceivedPdu
from chappe.homeserver.rooms.rooms import MEMBER, Rooms
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import domain_of, host_of

log = logging.getLogger(__name__)
GAP_LIMIT = 20_000  # events that are fetched to close a gap; what is older is read when somebody scrolls there
GAP_BYTES = 128 << 20  # of all gaps of one host together
ALL_GAPS_BYTES = 512 << 20  # of all that are open
ASKED_AT_ONCE, FOLLOWED_AT_ONCE = 100, 20  # events that one answer may hold; ids that one question names
ONE_BY_ONE = 50  # so many events of a state are fetched singly, more as a whole
PARALLEL = 10  # questions for single events to one server
Fate = Received | Exception | None  # of an event: what became of it, why it waits, or None where it is dropped


@dataclass(slots=True, eq=False)
class _Gap:
    """A gap while it is being closed.

    `deliverer`: the server that sent the event at its end; `host`: that server's host, by which is counted what it may cost.
    `found`: the events that are fetched so far, by id, with those that were delivered; `bytes`: their size as JSON. `wanted`:
    the ids of events that no server had.
    """

    deliverer: str
    host: str
    found: dict[str, SignedPdu]
    wanted: list[str] = field(default_factory=list)
    bytes: int = 0

    def is_of_others(self, checked: SignedPdu) -> bool:
        """Says whether the event's sender is of another host than who delivered the gap's end."""
        return host_of(domain_of(checked.pdu["sender"])) != self.host


class Gaps:
    """Closes gaps: fetches what an event that another server sent follows or cites, and receives it with that event.

    Server-server API, "Retrieving events" (`/get_missing_events`, `/backfill`, `/state_ids`, `/event_auth`).
    """

    def __init__(
        self, rooms: Rooms, receiver: Receiver, checks: PduChecks, calls: RoomCalls, policy_servers: PolicyServers
    ) -> None:
        self._rooms, self._receiver, self._checks, self._calls = rooms, receiver, checks, calls
        self._policy_servers, self.copies = policy_servers, FitCopies(receiver, checks, calls)
        self._errands, self._witnesses = Errands(), Witnesses(checks, calls)
        self._open: list[_Gap] = []

    async def receive(
        self,
        room: LiveRoom,
        waiting: Mapping[str, SignedPdu],
        deliverer: str,
        is_retry: bool = False,
        is_admitted: bool = False,
    ) -> dict[str, Fate]:
        """Receives events whose past may not be here, with as much of that past as can be had.

        `waiting`: the events, by id. `deliverer`: the server that sent them; the other servers are asked on its errand.
        `is_retry`: those were asked before, so this time the deliverer alone is. `is_admitted`: the deliverer is entering the
        room through this server, and counts as being in it.

        Returns for each event of `waiting` what became of it (`Received`); or the error for which its past could not be had yet
        (PeerUnreachable, PeerRefused …): the event waits, the others do not; or None where the event is dropped.

        Holds the room's lock while it writes, never while it asks another server: a server that answers slowly holds up no
        others.
        """
        gap = _Gap(deliverer, host_of(deliverer), dict(waiting))
        has_member = is_admitted or deliverer in self._rooms.servers.others(room)
        self._open.append(gap)
        try:
            with self._errands.of(deliverer, has_member, is_retry):
                return await self._receive(room, waiting, gap)
        finally:
            self._open.remove(gap)

    async def _receive(self, room: LiveRoom, waiting: Mapping[str, SignedPdu], gap: _Gap) -> dict[str, Fate]:
        """Fetches the gap, brings it into order (an event after those that it follows), and receives one event after the
        other.
        """
        servers, found = self._calls.servers(room, [gap.deliverer]), gap.found
        try:
            gap.wanted = await self._fill(room, gap, servers)
        except DATABASE_LOST:
            raise
        except Exception:  # what is here of the gap may do
            log.exception("a gap could not be closed", extra={"fields": {"room": room.room_id}})
        outcomes: dict[str, Fate] = {}
        with needing_others():
            ordered = await self.copies.fill(room, in_order(found, SignedPdu.prev_events), servers)
        ordered = await self._renewed(room, ordered)
        for event_id in waiting.keys() - {checked.event_id for checked in ordered}:
            outcomes[event_id] = None  # it follows itself
        for checked in ordered:
            outcome = await self._outcome(room, checked, servers, gap)
            if checked.event_id in waiting:
                outcomes[checked.event_id] = outcome
        return outcomes

    async def _renewed(self, room: LiveRoom, ordered: Sequence[SignedPdu]) -> list[SignedPdu]:
        """Gives content to those of the events that are here without it. Returns all of them, in the same order."""
        confirmed = {e.event_id: e for e in ordered if e.is_confirmed}
        if confirmed:
            confirmed = {e.event_id: e for e in await self._policy_servers.judge(room, list(confirmed.values()))}
            async with self._receiver.lock(room):
                await self._receiver.renew(room, list(confirmed.values()))
        return [confirmed.get(e.event_id, e) for e in ordered]

    async def _outcome(self, room: LiveRoom, checked: SignedPdu, servers: Sequence[str], gap: _Gap) -> Fate:
        """Receives one event. An error becomes its value: one event that cannot be received stops no other."""
        try:
            return await self._receive_one(room, checked, servers, gap)
        except (PeerUnreachable, PeerRefused, TimeoutError) as error:
            return error
        except DATABASE_LOST:
            raise
        except (MatrixError, *BAD_DATA) as error:
            log.info("an event of a gap was left out", extra={"fields": {"why": str(error)[:200]}})
            return None
        except Exception as error:
            log.exception("an event of a gap could not be received", extra={"fields": {"room": room.room_id}})
            return error

    async def _fill(self, room: LiveRoom, gap: _Gap, servers: Sequence[str]) -> list[str]:
        """Adds to `gap.found` the events before those that are there, until they join what is here or no server has more.

        Returns the ids of the events that are missing in the end.
        """
        found = gap.found
        wanted = await self._missing(found)
        for server in servers[:5]:
            asks_backwards = False
            while wanted and not self._is_too_large(gap):
                try:
                    raws = await self._events_before(room, server, wanted, asks_backwards)
                except MatrixError:
                    break
                fresh = await self._fresh(room, raws, found)
                if not fresh and asks_backwards:
                    break
                found.update(fresh)
                asks_backwards = asks_backwards or len(fresh) < ASKED_AT_ONCE
                wanted = await self._missing(found)
            if not wanted or self._is_too_large(gap):
                break
        return list(wanted)

    def _is_too_large(self, gap: _Gap) -> bool:
        """Says whether a gap has reached its bound: GAP_LIMIT events, or GAP_BYTES of all gaps of its host together, or
        ALL_GAPS_BYTES of all that are open, since those of many servers are worked on side by side. Updates `gap.bytes`.
        """
        gap.bytes = sum(len(checked.raw) for checked in gap.found.values())
        of_host = sum(other.bytes for other in self._open if other.host == gap.host)
        of_all = sum(other.bytes for other in self._open)
        return len(gap.found) >= GAP_LIMIT or of_host >= GAP_BYTES or of_all >= ALL_GAPS_BYTES

    async def _events_before(
        self, room: LiveRoom, server: str, wanted: Mapping[str, Sequence[str]], asks_backwards: bool
    ) -> Sequence[object]:
        """Asks a server for the events that are wanted and for what lies before them, at most ASKED_AT_ONCE.

        `wanted`: the ids of missing events, each with the ids of the events that follow it. `asks_backwards`: by `/backfill`
        from the missing events, instead of by `/get_missing_events` between their followers and the room's ends. Raises what
        the server answered.
        """
        if asks_backwards:
            return await self._calls.backfill(room, server, list(wanted)[:FOLLOWED_AT_ONCE], ASKED_AT_ONCE)
        latest = list(dict.fromkeys(follower for followers in wanted.values() for follower in followers))
        # who is not in the room is not told what is newest in it
        until = list(room.forward_extremities)[:FOLLOWED_AT_ONCE] if server in self._rooms.servers.others(room) else []
        return await self._calls.missing_events(room, server, until, latest[:FOLLOWED_AT_ONCE], ASKED_AT_ONCE)

    async def _fresh(self, room: LiveRoom, raws: Sequence[object], found: Mapping[str, SignedPdu]) -> dict[str, SignedPdu]:
        """Checks what a server sent, and returns of it by id the events of this room that are new: neither in `found` nor in
        the database, or there without the content that these have.
        """
        fresh = {
            event_id: e
            for event_id, e in (await self._checks.check_many(raws, room.version)).items()
            if e.room_id == room.room_id and (event_id not in found or (found[event_id].is_unfit and not e.is_unfit))
        }
        here = await self._receiver.store.stored_pdus(fresh)
        return {i: e for i, e in fresh.items() if i not in here or not here[i].has_state or here[i].lacks_content_of(e)}

    async def _missing(self, found: Mapping[str, SignedPdu]) -> dict[str, list[str]]:
        """Returns the ids of the events that those of `found` follow and that are neither there nor in the database, each
        with the ids of its followers.
        """
        followers: dict[str, list[str]] = {}
        for event in found.values():
            for prev in event.prev_events():
                if prev not in found:
                    followers.setdefault(prev, []).append(event.event_id)
        known = await self._receiver.store.stored_pdus(followers)
        return {prev: by for prev, by in followers.items() if prev not in known or not known[prev].has_state}

    async def _receive_one(self, room: LiveRoom, checked: SignedPdu, servers: Sequence[str], gap: _Gap) -> Received:
        """Receives one event; where something that it cites is missing, fetches that and tries again, three times in all.

        Raises what the servers answered, and M_UNKNOWN where the event cannot be received even then.
        """
        state_before: bytes | None = None
        missing: Sequence[str] = ()
        unknown: Sequence[str] = ()
        [checked] = await self._policy_servers.judge(room, [checked])
        for _ in range(3):
            async with self._receiver.lock(room):
                outcome = await self._receiver.receive(room, checked, state_before, missing)
            if isinstance(outcome, Received):
                return outcome
            if outcome.auth_events:
                await self.fetch_auth(room, checked, servers)
            if outcome.prev_events:
                state_before = await self._state_before_news(room, checked, servers, gap)
                unknown = outcome.prev_events
            if unknown:
                missing = await self._witnessed(room, checked, state_before, unknown, gap)
        raise MatrixError(400, "M_UNKNOWN", "What the event cites could not be had")

    async def _witnessed(
        self, room: LiveRoom, checked: SignedPdu, state_before: bytes | None, missing: Sequence[str], gap: _Gap
    ) -> list[str]:
        """Returns those of the missing events that another server has shown to exist.

        `missing`: the ids that the event follows and that are not here. Asks nobody for an event that would be rejected anyway,
        nor for one of a server without a member in the room: of that, nothing counts as missing. Raises AskedEnough where
        others may not be asked now.
        """
        async with self._receiver.lock(room):
            prepared = await self._receiver.preparing.prepare(room, checked, state_before)
        if not isinstance(prepared, ReceivedPdu) or prepared.is_rejected:
            return []  # what it lacks besides it will say again
        try:
            with needing_others():
                return await self._witnesses.shown(room, checked, missing, gap.wanted)
        except NeverAsked:
            return []

    async def fetch_auth(self, room: LiveRoom, checked: SignedPdu, servers: Sequence[str]) -> None:
        """Fetches the events by which an event is authorised (`/event_auth`) from the first of three servers that has them,
        and stores them.

        Some may still be missing afterwards. Raises the last server's answer only where no server answered at all.
        """
        failure, has_answer = None, False
        for server in servers[:3]:
            try:
                await self._adopt(room, server, await self._calls.event_auth(room, server, checked.event_id))
            except MatrixError as error:
                failure = error
                continue
            has_answer = True
            known = await self._receiver.store.stored_pdus(checked.auth_events())
            if len(known) == len(set(checked.auth_events())):
                return
        if failure is not None and not has_answer:
            raise failure

    async def _adopt(self, room: LiveRoom, server: str, raws: Sequence[object]) -> None:
        """Checks events that a server sent as state or authorisation, and stores those that are new as outliers: without a
        place in the timeline. Raises PeerUnreachable where the server has altered one.
        """
        events = await self._checks.check_many(raws, room.version)
        require_unaltered(events, server)
        events = {e.event_id: e for e in await self.copies.confirm(room, list(events.values()), [server])}
        async with self._receiver.lock(room):
            await self._receiver.outliers.adopt(room, events)

    # ------------------------------------------------------------------------------------------- the state at a gap

    async def state_before(self, room: LiveRoom, checked: SignedPdu, servers: Sequence[str]) -> bytes:
        """Asks other servers for the state before an event, and returns the root of its tree: the first answer of three,
        resolved with the state that is known here.

        Raises what they answered; where one says that this server is out of the room (403), that answer.
        """
        if room.is_partial and not self._removes_ours(checked):
            raise PeerUnreachable(checked.pdu["sender"], "the room's members are still being fetched")
        failures: list[MatrixError] = []
        for server in servers[:3]:
            try:
                root = await self._state_of(room, checked, server)
            except MatrixError as error:
                failures.append(error)
                if isinstance(error, AskedEnough):
                    break  # the next may be whoever has too much asked
                continue
            known = await self._receiver.store.stored_pdus(checked.prev_events())
            here = [k.state_after for k in known.values() if k.has_state]
            return await self._receiver.states.resolve(room, [root, *here])
        raise max(failures, key=_shuts_out, default=MatrixError(502, "M_UNKNOWN", "No other server is in the room"))

    async def _state_before_news(self, room: LiveRoom, checked: SignedPdu, servers: Sequence[str], gap: _Gap) -> bytes:
        """As `state_before`, for an event that has just come.

        Where another server than its sender's has delivered the event, that deliverer is asked last: otherwise one server alone
        would say who was in the room then. An event that removes somebody of this server, and of which nobody says more, is
        judged by the state that is known here: servers tell those who are out of a room nothing, so that this one would never
        learn that it is.
        """
        try:
            if not gap.is_of_others(checked):
                return await self.state_before(room, checked, servers)
            with needing_others():
                return await self.state_before(room, checked, _deliverer_last(servers, gap, domain_of(checked.pdu["sender"])))
        except MatrixError as error:
            if not _shuts_out(error) or not self._removes_ours(checked):
                raise
            return room.root

    def _removes_ours(self, checked: SignedPdu) -> bool:
        """Whether it takes somebody of here out of the room, or keeps them out."""
        if checked.key is None or checked.key[0] != MEMBER or not self._rooms.is_hosted(checked.key[1]):
            return False
        return checked.pdu["content"].get("membership") in ("leave", "ban")

    async def _state_of(self, room: LiveRoom, checked: SignedPdu, server: str) -> bytes:
        """Asks one server for the ids of the state before an event (`/state_ids`), fetches what is unknown of it, and
        returns the root of its tree. Up to ONE_BY_ONE unknown events are fetched one by one, more by `/state` at once.

        Raises what the server answered, AskedEnough where no more may be asked now, and M_UNKNOWN (502) for a state without
        m.room.create.
        """
        state, chain = await self._calls.state_ids(room, server, checked.event_id)
        known = await self._receiver.store.stored_pdus([*state, *chain])
        unknown = [e for e in dict.fromkeys([*state, *chain]) if e not in known]
        refusals: list[AskedEnough] = []
        if len(unknown) > ONE_BY_ONE:
            raws = await self._calls.state(room, server, checked.event_id)
        else:
            raws = await self._events(room, server, unknown, refusals)
        await self._adopt(room, server, raws)
        if refusals:
            raise refusals[0]  # what it says of the state is not known; the next try has less to ask
        known = await self._receiver.store.stored_pdus(state)
        entries = {
            self._rooms.key_hash(k.type, k.state_key): k.nid
            for k in known.values()
            if k.state_key is not None and k.status != REJECTED and k.room_nid == room.nid
        }
        if self._rooms.key_hash("m.room.create", "") not in entries:
            raise MatrixError(502, "M_UNKNOWN", f"{server} did not have the state of the room")
        return await self._receiver.states.of_entries(room, room.root, entries)

    async def _events(self, room: LiveRoom, server: str, event_ids: Sequence[str], refusals: list[AskedEnough]) -> list[object]:
        """Asks a server for single events (`/event`), PARALLEL of them at a time, and returns those that it gives.

        Adds to `refusals` an error for each event that may not be asked for now.
        """
        gate = asyncio.Semaphore(PARALLEL)

        async def one(event_id: str) -> object:
            async with gate:
                try:
                    return await self._calls.event(room, server, event_id)
                except AskedEnough as error:
                    refusals.append(error)
                except MatrixError:
                    pass
                return None

        return [raw for raw in await asyncio.gather(*(one(e) for e in event_ids)) if raw is not None]


def _shuts_out(error: MatrixError) -> bool:
    """Says whether an answer means that this server may know nothing of the room."""
    return isinstance(error, PeerRefused) and error.peer_status == 403


def _deliverer_last(servers: Sequence[str], gap: _Gap, home: str) -> list[str]:
    """Returns at most three servers in the order in which they are asked: `home`, the server of the event's sender, first
    where it is in the room, and who delivered the event last.
    """
    others = sorted((s for s in servers if host_of(s) != gap.host), key=lambda server: server != home)
    return [*others[:2], gap.deliverer]
