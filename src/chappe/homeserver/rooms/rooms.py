"""The engine's front: everything that reads or writes a room goes through `Rooms`."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson

from chappe.homeserver.bus.erased import ErasedAuthors
from chappe.homeserver.database.clock import Clock
from chappe.homeserver.database.group_writer import GroupWriter, Write
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.load.tasks import SharedWork, Tasks
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.policy import Policy
from chappe.homeserver.policy.reading import Reading
from chappe.homeserver.rooms import listings
from chappe.homeserver.rooms.create_event import Draft, RoomWrite, Surroundings
from chappe.homeserver.rooms.encryption import ENCRYPTION, require_stays_encrypted
from chappe.homeserver.rooms.event_numbers import EventNumbers
from chappe.homeserver.rooms.event_write import EventWrite
from chappe.homeserver.rooms.following import Following
from chappe.homeserver.rooms.fragments import FRAGMENTS
from chappe.homeserver.rooms.ground import StateMoved, ground_of, judged_again
from chappe.homeserver.rooms.ignoring import Ignoring
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.memberships import Memberships
from chappe.homeserver.rooms.policy_server import POLICY_SERVER
from chappe.homeserver.rooms.redacting import redaction_of, require_may_redact
from chappe.homeserver.rooms.registry import LiveRooms
from chappe.homeserver.rooms.relating import Relating
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.room_servers import RoomServers
from chappe.homeserver.rooms.sight import Sight
from chappe.homeserver.rooms.state_tree import KeyHash
from chappe.homeserver.rooms.state_tree_reader import TreeReader
from chappe.homeserver.rooms.store import WHATEVER_IS_HERE, RoomStore
from chappe.homeserver.rooms.stored_event import StoredEvent
from chappe.homeserver.rooms.summary import summary_row
from chappe.homeserver.rooms.timeline import Timeline
from chappe.homeserver.rooms.visibility import Visibility
from chappe.matrix.canonical_json import canonical_json
from chappe.matrix.errors import BadRequest, Forbidden, Malformed, NotFound
from chappe.matrix.events import check_content, check_picture, may_be_event_id
from chappe.matrix.identifiers import UserId, domain_of

MEMBER = "m.room.member"
CANONICAL_ALIAS = "m.room.canonical_alias"
THIRD_PARTY_INVITE = "m.room.third_party_invite"
GUEST_ACCESS = ("m.room.guest_access", "")
ProfileOf = Callable[[str], Awaitable[Mapping[str, Any]]]  # displayname and avatar_url for membership events


# Returns the event's id; None where the event is signed here
SendElsewhere = Callable[[LiveRoom, Draft, str | None], Awaitable[str | None]]
Content = dict[str, Any]
MayWrite = Callable[[UserId, str, str, Mapping[str, Any]], Awaitable[None]]  # who, room id, state key, content
GuestAccessChanged = Callable[[LiveRoom], Awaitable[object] | None]


class Rooms:
    """See the module. Raises MatrixError subclasses only."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        writer: GroupWriter,
        domains: Domains,
        boundaries: Boundaries,
        policy: Policy,
        ignoring: Ignoring,
        erased: ErasedAuthors,
        now_ms: NowMs,
        tasks: Tasks,
        secret: bytes,
        live_limit: int = 5000,
    ) -> None:
        writer.register(*FRAGMENTS, *listings.FRAGMENTS)
        self.store = RoomStore(database)
        self._writer, self._domains, self.policy, self.now_ms, self.clock = writer, domains, policy, now_ms, clock
        self.numbers = EventNumbers(self.store)
        self.key_hash = KeyHash(secret)
        self.live = LiveRooms(self.store, clock, tasks, live_limit)
        self.memberships = Memberships(database, clock, self.is_hosted)
        self.trees = TreeReader(self.store.load_packs)
        self.reading = Reading(policy)
        self.servers = RoomServers(domains, boundaries, self.live, self.memberships)
        self.sight = Sight(self.store, self.live, self.memberships, policy, self.reading, self.servers)
        self.visibility = Visibility(
            self.store, self.trees, self.key_hash, self.memberships, self.sight.may_peek, ignoring, erased
        )
        self.following = Following(self.store, self.live, self.memberships, self.servers, self.is_hosted)
        self.relating = Relating(self.store)
        self.timeline = Timeline(self.store, self.visibility, self.trees, self.key_hash)
        self._may_write: dict[str, MayWrite] = {}  # by type of state
        self._guest_access_listeners: list[GuestAccessChanged] = []
        self._send_elsewhere: SendElsewhere | None = None
        self._under_way = SharedWork[str, str](tasks, "event of a transaction id")

    # ------------------------------------------------------------------------------- what is made of rooms, later

    def ask_before(self, event_type: str, may_write: MayWrite) -> None:
        """`may_write` raises what refuses a state event that somebody writes themselves: whoever gives that type its meaning."""
        self._may_write[event_type] = may_write

    def listen_to_guest_access(self, listener: GuestAccessChanged) -> None:
        """`listener` is told where m.room.guest_access has changed, whoever changed it; who changed it here waits for what it
        returns."""
        self._guest_access_listeners.append(listener)

    def send_elsewhere_by(self, send: SendElsewhere) -> None:
        """`send` sends an event that another server must sign first, where a room names one."""
        self._send_elsewhere = send

    # ------------------------------------------------------------------------------------------------- finding

    async def require(self, room_id: str) -> LiveRoom:
        return await self.live.require(room_id)

    async def require_joined(self, user_id: str, room_id: str) -> LiveRoom:
        """Raises M_FORBIDDEN for rooms that the user is not in, known or not: strangers learn nothing."""
        room = await self.live.find(room_id)
        if room is None or user_id not in room.joined:
            raise Forbidden("You are not in this room")
        return room

    async def require_readable(self, user_id: str, room_id: str) -> LiveRoom:
        """A room that the user may read: as a member, a former member, or because it is open to the world."""
        room = await self.live.find(room_id)
        if room is None:
            raise Forbidden("You are not in this room")
        await self.visibility.require_reader(user_id, room)
        return room

    async def require_present(self, user_id: str, room_id: str) -> LiveRoom:
        """A room of which the user may know who is in it now: as a member, or because it is open to the world."""
        room = await self.live.find(room_id)
        if room is None or not (user_id in room.joined or self.visibility.is_open_to(user_id, room)):
            raise Forbidden("You are not in this room")
        return room

    # ------------------------------------------------------------------------------------------------- writing

    async def submit(
        self, room: LiveRoom, drafts: list[Draft], txn: str | None = None, prepare: Callable[[RoomWrite], None] | None = None
    ) -> str:
        """Writes events together and returns the last one's id once it is durable.

        `txn`: a repetition with the same one returns the first answer, whatever has happened to the room since. Raises
        StateMoved where a draft stands on ground that is no more (`judged_again`).
        """
        for draft in drafts:
            if draft.type == MEMBER and draft.state_key is not None and draft.admitted is None:
                raise RuntimeError("a membership event that Admission was not asked about")
        if txn is None:
            return await self._submit(room, drafts, None, prepare)
        # a client that repeats itself while its first request is under way joins it
        return await self._under_way.result(txn, lambda: self._submit(room, drafts, txn, prepare))

    async def _submit(
        self, room: LiveRoom, drafts: list[Draft], txn: str | None, prepare: Callable[[RoomWrite], None] | None
    ) -> str:
        await self.relating.relate(room, drafts, txn)
        if room.get(POLICY_SERVER) is not None and self._send_elsewhere is not None:
            for draft in drafts[:-1]:
                await self._submit(room, [draft], None, prepare)
            drafts = drafts[-1:]
            if (drafts[0].type, drafts[0].state_key) == ENCRYPTION:  # before it is signed elsewhere
                require_stays_encrypted(room.get, drafts[0].content)
            known = await self.store.sent(txn) if txn is not None else None
            if known is not None or (known := await self._send_elsewhere(room, drafts[0], txn)) is not None:
                return known
        numbers = await self.numbers.take(len(drafts))
        around = Surroundings(
            self.key_hash,
            self._domains.signing_key(domain_of(drafts[0].sender)),
            self.now_ms(),
            numbers,
            "" if room.version.event_ids_are_hashes else secrets.token_urlsafe(12),
        )
        write = RoomWrite(room, drafts, around, txn or f"!{numbers[0]}")
        write.event_txn = txn
        if prepare is not None:
            prepare(write)
        try:
            known = await self.commit(write)
        except Forbidden:
            known = await self.store.sent(write.txn or "")
            if known is None:
                raise
        return known if known is not None else write.events[-1].event_id

    async def commit(self, write: EventWrite) -> str | None:
        """Builds a write and returns once it is durable, or set aside: None, or what its transaction id was answered before."""
        room = write.lane
        assert isinstance(room, LiveRoom)
        room.keep()
        try:
            while room.stale:
                await room.reload()
            write.build()
            write.generation = room.generation
            if write.is_set_aside:
                room.reset()  # nothing may hang off what was built of it
            else:
                known = await self._writer.submit(write)
        finally:
            room.let_go()
        if write.is_set_aside:
            return None
        if write.summary is not None and write.changes(GUEST_ACCESS):
            for listener in self._guest_access_listeners:
                evicted = listener(room)
                if evicted is not None and isinstance(write, RoomWrite):
                    await evicted
        return known

    async def settled(self, room: LiveRoom) -> None:
        """Returns once the room's state in memory is the committed one, and nothing in flight changes it."""
        while room.stale or room.ahead.root != room.root:
            if in_flight := self._writer.unanswered(room):
                await asyncio.wait(in_flight, return_when=asyncio.FIRST_COMPLETED)
            elif room.stale:
                await room.reload()
            else:
                room.reset()  # what was built was given up

    async def until_written(self, room: LiveRoom, event: RoomEvent) -> str:
        """The id of an event of the room's state, once it is durable: it may be in flight, and not arrive.

        Raises StateMoved where it did not.
        """
        if event.position == 0 and room.state.get(event.key) is not event:
            await self._writer.submit(Write())  # written after everything that is in flight now
            if room.get(event.key) is not event or room.state.get(event.key) is not event:
                raise StateMoved
        return event.event_id

    async def fill_summaries(self) -> None:
        """For rooms from before summaries were kept: once, at start."""
        for number in await self.store.without_summary():
            room = await self.live.by_nid(number)
            write = Write()
            write.add(summary_row(number, room.get, len(room.joined), room.invited))
            await self._writer.submit(write)

    async def send(
        self, user_id: UserId, room_id: str, event_type: str, content: dict[str, Any], txn: str | None, ts: int | None = None
    ) -> str:
        """A message event. Returns its id."""
        room = await self.live.find(room_id)
        if room is None:
            raise Forbidden("You are not in this room")
        check_content(content, room.version)
        if event_type == "m.room.redaction" and room.version.redacts_in_content:
            return await self.redact(user_id, room_id, str(content.get("redacts")), content, txn)
        await self._require_may_send(user_id, room_id, event_type, content)
        return await self.submit(room, [Draft(event_type, user_id, content, ts=ts)], txn)

    @judged_again
    async def set_state(
        self,
        user_id: UserId,
        room_id: str,
        event_type: str,
        state_key: str,
        content: dict[str, Any],
        ts: int | None = None,
        txn: str | None = None,
    ) -> str:
        """A state event. Setting what is already so returns the event that says so."""
        room = await self.live.find(room_id)
        if room is None:
            raise Forbidden("You are not in this room")
        check_content(content, room.version)
        if event_type == "m.room.create":
            raise Malformed("A room is created once")
        if "\0" in state_key or "\0" in event_type:
            raise BadRequest("U+0000 is not allowed in a state key", "M_INVALID_PARAM")
        key = (event_type, state_key)
        now, ground = room.get(key), ground_of(room, {key, *self.policy.stands_on})
        await self._require_may_send(user_id, room_id, event_type, content, state_key)
        if now is not None and now.sender == user_id and room.membership(user_id) == "join":
            if canonical_json(now.content) == canonical_json(content):
                return await self.until_written(room, now)
        return await self.submit(room, [Draft(event_type, user_id, content, state_key, ts=ts, ground=ground)], txn)

    @judged_again
    async def change_state(
        self, user_id: UserId, room_id: str, event_type: str, change: Callable[[LiveRoom, Content], Content | None]
    ) -> None:
        """Replaces what the room says by what `change` makes of it: nothing that others write meanwhile is lost.

        `change` gets the room and the present content ({} where there is none); None leaves it as it is. As `set_state` else.
        """
        room = await self.live.find(room_id)
        if room is None:
            raise Forbidden("You are not in this room")
        key = (event_type, "")
        now, ground = room.get(key), ground_of(room, {key, *self.policy.stands_on})
        content = change(room, dict(now.content) if now is not None else {})
        if content is None:
            return
        check_content(content, room.version)
        await self._require_may_send(user_id, room_id, event_type, content, "")
        await self.submit(room, [Draft(event_type, user_id, content, "", ground=ground)])

    async def redact(self, user_id: UserId, room_id: str, event_id: str, content: dict[str, Any], txn: str | None) -> str:
        """Redacts an event: one's own, or with the power to redact anybody's. What was said is deleted from storage.

        With that power also an event that is not here, since other servers of the room may have it: it is redacted when it comes.
        """
        room = await self.require_joined(user_id, room_id)
        check_content(content, room.version)
        levels = room.power_levels()
        may_any = levels.of(user_id) >= levels.level("redact")
        target = await (self.timeline.find(room, event_id) if may_any else self.timeline.shown(user_id, room, event_id))
        rows: Sequence[StoredEvent] = ()
        if target is not None or may_any:
            rows = await self.store.events_by_id(room.nid, [event_id], WHATEVER_IS_HERE)
        if not rows:
            if may_any and await self._may_be_elsewhere(room, event_id):
                return await self.submit(room, [Draft("m.room.redaction", user_id, content, redacts=event_id)], txn)
            return await self._answered(txn)
        target = target or (await self.timeline.of_rows(room, rows))[0]
        require_may_redact(user_id, target, may_any, self.policy.never_redacted)
        redaction = redaction_of(room, event_id, rows[0].json)
        now = room.get(target.key) if target.state_key is not None else None
        if now is not None and now.event_id == event_id:  # as if one set what is left
            left = orjson.loads(redaction.pdu)["content"]
            await self._require_may_send(user_id, room_id, target.type, left, target.state_key)
        draft = Draft("m.room.redaction", user_id, content, redacts=event_id, redaction=redaction)
        return await self.submit(room, [draft], txn)

    async def _may_be_elsewhere(self, room: LiveRoom, event_id: str) -> bool:
        """Whether an event that is not here may be with another server of the room."""
        if not self.servers.others(room) or not may_be_event_id(event_id, room.version):
            return False
        return await self.store.room_of_event(event_id) is None

    async def _answered(self, txn: str | None) -> str:
        """What the same request was answered before. Raises M_NOT_FOUND."""
        known = await self.store.sent(txn) if txn else None
        if known is None:
            raise NotFound("There is no such event in this room")
        return known

    async def _require_may_send(
        self, user_id: UserId, room_id: str, event_type: str, content: Mapping[str, Any], state_key: str | None = None
    ) -> None:
        """What a person says, by whatever verb. Raises what the policy refuses it with, or M_INVALID_PARAM."""
        if state_key is not None:
            check_picture(event_type, content)
        if state_key is not None and (may_write := self._may_write.get(event_type)) is not None:
            await may_write(user_id, room_id, state_key, content)
        await self.policy.may_send(user_id, room_id, event_type, content, state_key)

    async def new_room(self, room_id: str, version: Any) -> LiveRoom:
        """A room that does not exist yet: its first write creates it."""
        return LiveRoom(await self.store.next_room_number(), room_id, version, self.store.database, is_new=True)

    def surroundings_for(self, sender: str) -> Surroundings:
        """For computing a new room's id before its first event is written."""
        return Surroundings(self.key_hash, self._domains.signing_key(domain_of(sender)), self.now_ms(), (0,), "")

    # --------------------------------------------------------------------------------------------- small reads

    async def state_event(self, user_id: str, room_id: str, event_type: str, state_key: str) -> RoomEvent:
        """One entry of the state, as of now or as of the reader's leave. Raises M_NOT_FOUND."""
        room = await self.require_readable(user_id, room_id)
        event = (await self.timeline.state_at(user_id, room)).get((event_type, state_key))
        if event is None:
            raise NotFound("The room has no such state")
        return event

    async def members_sharing(self, user_id: str) -> set[str]:
        """Everybody who is joined to a room with the user, the user included."""
        users = {user_id}
        for membership in await self.memberships.joined(user_id):
            users.update((await self.live.by_nid(membership.room_nid)).joined)
        return users

    def is_hosted(self, user_id: str) -> bool:
        """Whether a user is of one of this installation's domains."""
        return self._domains.is_hosted(domain_of(user_id))
