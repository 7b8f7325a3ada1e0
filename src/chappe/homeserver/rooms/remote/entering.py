"""Entering a room through another server: its whole state is verified and stored, then the join is its latest event."""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chappe.homeserver.database.leases import Leases
from chappe.homeserver.load.breath import Breath
from chappe.homeserver.outbound.federation.client import PeerUnreachable
from chappe.homeserver.rooms.ground import StateMoved
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.auth import AuthEvent, check_by_auth_events
from chappe.homeserver.rooms.remote.checks import PduChecks, SignedPdu, best_copies, require_unaltered
from chappe.homeserver.rooms.remote.completing import Completing, begin_partial, end_partial
from chappe.homeserver.rooms.remote.handshakes import MEMBER, Handshakes, Signed
from chappe.homeserver.rooms.remote.outcomes import MissingPast
from chappe.homeserver.rooms.remote.receive_pdu import Receiver
from chappe.homeserver.rooms.remote.saved_members import save_entries, save_memberships
from chappe.homeserver.rooms.remote.sent_state import Judged, judge_all, load
from chappe.homeserver.rooms.remote.stored_pdu import REJECTED, StoredPdu
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.state_tree import EMPTY, name_to_int
from chappe.matrix.directory_entries import DirectoryEntry, directory_entry
from chappe.matrix.errors import Forbidden, MatrixError
from chappe.matrix.event_auth import CREATE, StateKey, check_auth
from chappe.matrix.events import references
from chappe.matrix.identifiers import UserId, is_server_name
from chappe.matrix.room_versions import RoomVersion

log = logging.getLogger(__name__)
PATIENCE = 0.1  # seconds that a join waits for the members
# Seconds: how long events of a room wait for a join of ours that is under way, and between looks at it.
ARRIVAL, LOOK_EVERY = 10.0, 0.1
# That one server says are in the room: to them goes all that is said there until its members are known.
MOST_SERVERS = 100
UNSENT = "it did not send what our join cites"
NOT_LET_IN = "The room's own rules do not let you in, whatever the other server said"
Uninvited = Callable[[UserId, str], Awaitable[None]]  # user id, room id


class Entering:
    def __init__(
        self,
        rooms: Rooms,
        receiver: Receiver,
        checks: PduChecks,
        handshakes: Handshakes,
        completing: Completing,
        uninvited: Uninvited,
        leases: Leases,
    ) -> None:
        """`uninvited`: asked, as `join` says, about somebody whose invitation nobody knows."""
        self._leases = leases
        self._rooms, self._receiver, self._checks, self._handshakes = rooms, receiver, checks, handshakes
        self._completing, self._uninvited = completing, uninvited
        self._database = receiver.store.database
        # anybody may try to join rooms with made-up ids: a lock is gone once nobody holds it
        self._under_way: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        # rooms whose join has been waited for in vain, until it is seen to have ended, or another is begun here
        self._waited_for: set[str] = set()

    async def join(
        self,
        user_id: str,
        room_id: str,
        servers: Sequence[str],
        content: Mapping[str, Any],
        helped: bool = False,
        invitation: str | None = None,
    ) -> LiveRoom:
        """Raises what the servers answered that were asked. Joins of several people wait for the first.

        StateMoved tells the others that this server is in the room by now: they join as one joins here. `helped`: this server
        is in the room, and cannot let anybody in by itself. `invitation`: the event by which another server has invited them;
        where the one that lets them in does not know of it, they come uninvited, which guests may not, and which is counted.
        """
        lock = self._under_way.setdefault(room_id, asyncio.Lock())
        async with lock:
            room = await self._rooms.live.find(room_id)
            if room is not None and self.is_here(room) and not helped:
                raise StateMoved

            async def attempt(server: str) -> LiveRoom:
                nonlocal invitation
                signed = await self._handshakes.make(server, "join", room_id, user_id, content)
                if invitation is not None and invitation not in references(signed.pdu, "auth_events", signed.version):
                    await self._uninvited(UserId(user_id), room_id)
                    invitation = None
                is_new, lease = await self._is_new_here(room_id), _lease(room_id)
                # whoever has it: it says that a join is under way, and keeps nobody from joining
                await self._leases.claim(lease)
                self._waited_for.discard(room_id)
                try:
                    async with self._leases.kept(lease):
                        return await self._through(signed, is_new)
                finally:
                    await self._leases.give_back(lease)

            return await self._handshakes.each(room_id, servers, attempt)  # type: ignore[no-any-return]

    async def arrival(self, room_id: str) -> bool:
        """Waits for a join that any process is about: others send what is said as soon as they have taken it, and a sender takes
        our answer for done. Returns whether there was one.

        One that takes long is waited for once: who lets us in drop by drop does not hold up all that others send meanwhile.
        """
        deadline, is_late = asyncio.get_running_loop().time() + ARRIVAL, False
        while await self._leases.is_held(_lease(room_id)):
            if room_id in self._waited_for:
                break
            if asyncio.get_running_loop().time() >= deadline:
                self._waited_for.add(room_id)
                break
            is_late = True
            await asyncio.sleep(LOOK_EVERY)
        else:
            self._waited_for.discard(room_id)
        if is_late:
            await self._rooms.clock.catch_up()
        return is_late

    def is_here(self, room: LiveRoom) -> bool:
        """Whether a hosted domain takes part in the room."""
        return self._rooms.servers.has_own_member(room)

    async def _through(self, signed: Signed, is_new_here: bool) -> LiveRoom:
        server, room_id = signed.server, signed.pdu["room_id"]
        answer = await self._handshakes.send(signed, "join", omit_members=is_new_here)
        own = answer.get("event")
        join = await self._checks.check(own if type(own) is dict else signed.pdu, signed.version)
        if join.event_id != signed.event_id:
            raise PeerUnreachable(server, "it sent another join than the one that was signed")
        present = await self._rooms.live.find(room_id)
        if present is not None and self.is_here(present):
            async with self._receiver.lock(present):
                if isinstance(await self._receiver.receive(present, join), MissingPast):
                    raise PeerUnreachable(server, UNSENT)
            return present
        raws = [*_list(answer, "state", server), *_list(answer, "auth_chain", server)]
        state_count = len(answer["state"])
        events, state_ids = await self._verified(raws, state_count, signed)
        servers = _servers(answer, server) if answer.get("members_omitted") is True else []
        del raws, answer
        judged = await asyncio.to_thread(judge_all, events)
        await self._require_welcome(server, join, judged, state_ids, present, is_partial=bool(servers))
        room = await self._install(server, signed, join, events, judged, state_ids, servers)
        blank = {i for i in state_ids if i in events and events[i].is_unfit}
        if present is not None:  # what was here before may lack what has come now
            blank |= await self._receiver.store.without_content(room.nid, state_ids)
        if blank:
            self._completing.look_for(room, [events[i] for i in blank if i in events], [server])
        if room.is_partial:  # a room of some dozens is whole before anybody has looked at it
            await asyncio.wait([self._completing.begin_fetching(room.nid)], timeout=PATIENCE)
        return room

    async def _is_new_here(self, room_id: str) -> bool:
        """Whether nothing of a room is known here but invitations."""
        room = await self._rooms.live.find_any(room_id)
        return room is None or (room.is_stub and not await self._receiver.store.has_events(room.nid))

    async def _verified(self, raws: list[Any], state_count: int, signed: Signed) -> tuple[dict[str, SignedPdu], set[str]]:
        """What is correctly signed: (all events, those that are the state)."""
        state = await self._checks.check_many(raws[:state_count], signed.version)
        chain = await self._checks.check_many(raws[state_count:], signed.version)
        room_id = signed.pdu["room_id"]
        both = best_copies([*chain.values(), *state.values()])
        events = {i: e for i, e in both.items() if e.room_id == room_id and e.key is not None}
        require_unaltered(events, signed.server)
        if any(self._is_emptied_rule(e) for i, e in events.items() if i in state):
            raise PeerUnreachable(signed.server, "it showed a rule of the room without its content")
        create = next((e for i, e in events.items() if i in state and e.key == CREATE), None)
        if create is None or create.pdu["content"].get("room_version", "1") != signed.version.id:
            raise PeerUnreachable(signed.server, "the room it showed has no beginning, or another version than it said")
        return events, set(state)

    def _is_emptied_rule(self, event: SignedPdu) -> bool:
        """Whether of a rule that nobody redacts nothing came. What a redaction leaves of power levels, say, is what counts of
        them: there are rooms where that was done."""
        if not event.is_unfit or event.key == CREATE:
            return event.is_unfit
        return event.pdu["type"] in self._rooms.policy.never_redacted and not event.pdu["content"]

    async def _require_welcome(
        self, server: str, join: SignedPdu, judged: Judged, state_ids: set[str], present: LiveRoom | None, is_partial: bool
    ) -> None:
        """Judges our join as the room will, before anything of the answer is stored: a refused one leaves nothing here.

        Raises Forbidden, and PeerUnreachable where what the join cites was not sent.
        """
        auth_events = dict(judged.auth_events)
        if present is not None and (missing := [a for a in join.auth_events() if a not in auth_events]):
            auth_events.update(await self._receiver.outliers.auth_events(present, missing))
        if not all(a in auth_events for a in join.auth_events()):
            raise PeerUnreachable(server, "it did not send what our join cites")
        shown = [auth_events[i] for i in state_ids if i in auth_events] + (
            [auth_events[a] for a in join.auth_events()] if is_partial else []
        )
        state: dict[StateKey, AuthEvent] = {}
        for event in shown:
            if not event.is_rejected and (event.event_id in state_ids or event.key[0] == MEMBER):
                state.setdefault(event.key, event)
        try:
            check_by_auth_events(join, auth_events)
            check_auth({**join.pdu, "event_id": join.event_id}, join.version, state.get)
        except Forbidden:
            raise Forbidden(NOT_LET_IN) from None

    async def _install(
        self,
        server: str,
        signed: Signed,
        join: SignedPdu,
        events: dict[str, SignedPdu],
        judged: Judged,
        state_ids: set[str],
        servers: Sequence[str],
    ) -> LiveRoom:
        room = await self.claim(signed.pdu["room_id"], signed.version)
        async with self._receiver.lock(room):
            known = await self._receiver.store.stored_pdus(events)
            if not known:
                await load(self._database, room, judged, await self._rooms.numbers.take(len(judged.ordered)))
                room.make_stale()
                await room.reload()
            else:
                await self._receiver.outliers.adopt(room, events)
            known = await self._receiver.store.stored_pdus(state_ids)
            entries, members, breath = {}, [], Breath()
            for event_id, event in known.items():
                await breath.take()
                if event.status != REJECTED and event.room_nid == room.nid:
                    entries[self._rooms.key_hash(event.type, event.state_key or "")] = event.nid
                if event.type == MEMBER and event_id in events:
                    members.append(_Member(event, events[event_id]))
            near = EMPTY if room.is_stub else room.root
            root = await self._receiver.states.of_entries(room, near, entries)
            is_new = room.is_stub
            if is_new:
                await self._open(room, root, members, (join.event_id, servers) if servers else None)
            try:
                outcome = await self._receiver.receive(room, join, root, join.prev_events(), starts_afresh=True)
            finally:
                if room.is_stub:
                    await self._shut(room, members)
            if isinstance(outcome, MissingPast):
                raise PeerUnreachable(server, UNSENT)
            if outcome.status == REJECTED:
                raise Forbidden(NOT_LET_IN)
            await self._receiver.store.forget_invitation(join.pdu["state_key"], room.nid)
            if is_new:
                await save_entries(self._database, await self._names(members))
        return room

    async def claim(self, room_id: str, version: RoomVersion) -> LiveRoom:
        """The room, or its number: what is stored before a join is done belongs to it, and is found by another try."""
        room = await self._rooms.live.find_any(room_id)
        if room is None:
            await self._database.execute(
                """INSERT INTO rooms (room_nid, room_id, version, state_version, revoke_version, leaves, root, depth,
                                      notify_total, highlight_total, last_position, stub)
                   VALUES ($1, $2, $3, 0, 0, '{}', 0, 0, 0, 0, 0, true) ON CONFLICT DO NOTHING""",
                await self._rooms.store.next_room_number(),
                room_id,
                version.id,
            )
            room = await self._rooms.live.find_any(room_id)
        assert room is not None
        if room.version is not version:
            raise MatrixError(502, "M_UNKNOWN", "The other server says that the room has another version")
        return room

    async def _open(
        self, room: LiveRoom, root: bytes, members: Sequence[_Member], partial: tuple[str, Sequence[str]] | None
    ) -> None:
        """Stores what the room is. For everybody else it stays a stub until the join is its first event, in one commit.

        The memberships of people of here come with their own events. `partial`: (the join, the servers in the room), where
        members are still to come.
        """
        rows, breath = [], Breath()
        for member in members:
            await breath.take()
            pdu = member.event.pdu
            if not self._rooms.is_hosted(pdu["state_key"]):
                rows.append((pdu["state_key"], member.membership, member.known.nid, pdu["sender"]))
        async with self._database.transaction() as transaction:
            await save_memberships(transaction, room.nid, rows)
            if partial is not None:
                await begin_partial(transaction, room.nid, *partial)
            await transaction.execute(
                """UPDATE rooms SET federated = true, root = $2, state_version = state_version + 1
                    WHERE room_nid = $1 AND stub""",
                room.nid,
                name_to_int(root),
            )
        room.open_to_newcomer()
        await room.reload()

    async def _shut(self, room: LiveRoom, members: Sequence[_Member]) -> None:
        """The room let nobody in: what `_open` has stored is nothing to anybody, unless another process has come in since."""
        room.shut_again()
        others = [user for m in members if not self._rooms.is_hosted(user := m.event.pdu["state_key"])]
        async with self._database.transaction() as transaction:
            if await transaction.fetchval("SELECT stub FROM rooms WHERE room_nid = $1 FOR UPDATE", room.nid):
                await end_partial(transaction, room.nid)
                await transaction.execute(
                    "DELETE FROM memberships WHERE room_nid = $1 AND user_id = ANY($2::text[])", room.nid, others
                )

    async def _names(self, members: Sequence[_Member]) -> list[DirectoryEntry]:
        """How people of other servers are found: as they call themselves, and not as whoever made the room calls them."""
        entries, breath = [], Breath()
        for member in members:
            await breath.take()
            user, pdu = member.event.pdu["state_key"], member.event.pdu
            if member.membership == "join" and pdu["sender"] == user and not self._rooms.is_hosted(user):
                entries.append(directory_entry(user, pdu["content"]))
        return entries


def _lease(room_id: str) -> str:
    return f"join of {room_id}"


@dataclass(frozen=True, slots=True)
class _Member:
    known: StoredPdu
    event: SignedPdu

    @property
    def membership(self) -> str:
        membership = self.event.pdu["content"].get("membership")
        return membership if type(membership) is str else "leave"


def _servers(answer: Mapping[str, Any], first: str) -> list[str]:
    """Those in the room, as the one says that let us in; that one first."""
    named = answer.get("servers_in_room")
    good = [s for s in (named if type(named) is list else ()) if type(s) is str and is_server_name(s)]
    return list(dict.fromkeys([first, *good]))[:MOST_SERVERS]


def _list(answer: Mapping[str, Any], field: str, server: str) -> list[Any]:
    value = answer.get(field)
    if type(value) is not list:
        raise PeerUnreachable(server, f"its answer has no {field}")
    return value
