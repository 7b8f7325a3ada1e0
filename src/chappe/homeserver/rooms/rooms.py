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
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.policy import Policy
from chappe.homeserver.policy.reading import Reading
from chappe.homeserver.rooms.create_event import Draft, Redaction, RoomWrite, StateMoved, Surroundings, ground_of, judged_again
from chappe.homeserver.rooms.encryption import ENCRYPTION, require_stays_encrypted
from chappe.homeserver.rooms.event_write import EventWrite
from chappe.homeserver.rooms.following import Following
from chappe.homeserver.rooms.fragments import FRAGMENTS
from chappe.homeserver.rooms.ignoring import Ignoring
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.memberships import Memberships
from chappe.homeserver.rooms.policy_server import POLICY_SERVER
from chappe.homeserver.rooms.registry import LiveRooms
from chappe.homeserver.rooms.room_event import RoomEvent
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
from chappe.matrix.events import check_content, check_picture, client_event_head, may_be_event_id
from chappe.matrix.identifiers import UserId, domain_of
from chappe.matrix.redaction import redact
from chappe.matrix.relations import ANNOTATION, THREAD, relation_of

MEMBER = "m.room.member"
CANONICAL_ALIAS = "m.room.canonical_alias"
THIRD_PARTY_INVITE = "m.room.third_party_invite"
GUEST_ACCESS = ("m.room.guest_access", "")
NUMBER_BLOCK = 10_000
ProfileOf = Callable[[str], Awaitable[Mapping[str, Any]]]  # displayname and avatar_url for membership events


# Returns the event's id; None where the event is signed here
SendElsewhere = Callable[[LiveRoom, Draft, str | None], Awaitable[str | None]]
Content = dict[str, Any]
MayWrite = Callable[[UserId, str, str, Mapping[str, Any]], Awaitable[None]]  # who, room id, state key, content
GuestAccessChanged = Callable[[LiveRoom], Awaitable[object] | None]


class EventNumbers:
    """Numbers for new events, taken from the database in blocks so that building an event asks nothing."""

    def __init__(self, store: RoomStore) -> None:
        self._store = store
        self._next = self._end = 0
        self._reserve = 0
        self._fetching: asyncio.Lock = asyncio.Lock()

    async def take(self, count: int) -> tuple[int, ...]:
        """Strictly increasing numbers, with gaps."""
        if self._end - self._next < count:
            return await self._take_more(count)
        first = self._next
        self._next += count
        return tuple(range(first, first + count))

    async def _take_more(self, count: int) -> tuple[int, ...]:
        async with self._fetching:
            taken: list[int] = []
            while True:
                part = range(self._next, min(self._end, self._next + count - len(taken)))
                taken += part
                self._next += len(part)
                if len(taken) == count:
                    return tuple(taken)
                start = await self._store.event_number_block()
                self._next, self._end = start, start + NUMBER_BLOCK


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
        secret: bytes,
        live_limit: int = 5000,
    ) -> None:
        writer.register(*FRAGMENTS)
        self.store = RoomStore(database)
        self._boundaries = boundaries
        self._writer, self._domains, self.policy, self.now_ms, self.clock = writer, domains, policy, now_ms, clock
        self.numbers = EventNumbers(self.store)
        self.key_hash = KeyHash(secret)
        self.live = LiveRooms(self.store, clock, live_limit)
        self.memberships = Memberships(database, clock, self.is_hosted)
        self.trees = TreeReader(self.store.load_packs)
        self.reading = Reading(policy)
        self.sight = Sight(self.store, self.live, self.memberships, policy, self.reading, self.require_may_enter)
        self.visibility = Visibility(
            self.store, self.trees, self.key_hash, self.memberships, self.sight.may_peek, ignoring, erased
        )
        self.following = Following(
            self.store, self.live, self.memberships, self.is_hosted, self.other_servers, self.has_own_member
        )
        self.timeline = Timeline(self.store, self.visibility, self.trees, self.key_hash)
        self._may_write: dict[str, MayWrite] = {}  # by type of state
        self._guest_access_listeners: list[GuestAccessChanged] = []
        self._send_elsewhere: SendElsewhere | None = None
        self._servers: dict[int, tuple[tuple[int, int, int], frozenset[str], frozenset[str]]] = {}
        self._under_way: dict[str, asyncio.Task[str]] = {}

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
        task = self._under_way.get(txn)
        if task is None:  # a client that repeats itself while its first request is under way joins it
            task = self._under_way[txn] = asyncio.create_task(self._submit(room, drafts, txn, prepare))
            task.add_done_callback(lambda _: self._under_way.pop(txn, None))
        return await asyncio.shield(task)

    async def _submit(
        self, room: LiveRoom, drafts: list[Draft], txn: str | None, prepare: Callable[[RoomWrite], None] | None
    ) -> str:
        await self._relate(room, drafts, txn)
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

    async def _relate(self, room: LiveRoom, drafts: list[Draft], txn: str | None) -> None:
        """Finds the threads that drafts belong to; nothing is read where the related event is in the tail."""
        for draft in drafts:
            relation = relation_of(draft.content) if draft.state_key is None else None
            if relation is None:
                continue
            if relation.rel_type == THREAD:
                if relation.target not in room.threads:
                    _, related = await self._thread_here(room, relation.target)
                    if related:
                        raise BadRequest("A thread cannot begin at an event that is itself related to another", "M_UNKNOWN")
                draft.thread = relation.target
                continue
            draft.thread, _ = await self._thread_here(room, relation.target)
            if relation.rel_type == ANNOTATION and relation.key is not None:
                if await self.store.annotated(room.nid, relation.target, draft.sender, draft.type, relation.key):
                    if txn is None or await self.store.sent(txn) is None:
                        raise BadRequest("You have reacted like this already", "M_DUPLICATE_ANNOTATION")

    async def thread_of(self, room: LiveRoom, event_id: str) -> tuple[str, bool]:
        """(the thread of an event, "" for the main timeline; whether it is itself related to another)."""
        return await self._known_thread(room, event_id) or ("", False)

    async def _known_thread(self, room: LiveRoom, event_id: str) -> tuple[str, bool] | None:
        if (event := room.recent(event_id)) is not None:
            return event.thread, event.relates_to is not None
        return (await self.store.threads_of(room.nid, [event_id])).get(event_id)

    async def _thread_here(self, room: LiveRoom, event_id: str) -> tuple[str, bool]:
        """The same for what somebody relates to. Raises M_INVALID_PARAM for an event of another room."""
        known = await self._known_thread(room, event_id)
        if known is None and await self.store.room_of_event(event_id) is not None:
            raise BadRequest("An event can relate to events of its own room only", "M_INVALID_PARAM")
        return known or ("", False)

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
        self._require_may_redact(user_id, target, may_any)
        pruned = redact(orjson.loads(rows[0].json), room.version)
        now = room.get(target.key) if target.state_key is not None else None
        if now is not None and now.event_id == event_id:  # as if one set what is left
            await self._require_may_send(user_id, room_id, target.type, pruned["content"], target.state_key)
        head = client_event_head(pruned, event_id, room.room_id, room.version)
        redaction = Redaction(event_id, canonical_json(pruned), head)
        draft = Draft("m.room.redaction", user_id, content, redacts=event_id, redaction=redaction)
        return await self.submit(room, [draft], txn)

    def _require_may_redact(self, user_id: UserId, target: RoomEvent, may_any: bool) -> None:
        if target.sender != user_id and not may_any:
            raise Forbidden("You may not redact other people's messages in this room")
        if target.type == "m.room.create":
            raise Forbidden("The creation of a room cannot be redacted")
        if target.state_key is not None and target.key == ENCRYPTION:
            raise Forbidden("A room's encryption cannot be taken back")
        if target.state_key is not None and target.type in self.policy.never_redacted:
            raise Forbidden("The rules of a room are changed, not redacted")

    async def _may_be_elsewhere(self, room: LiveRoom, event_id: str) -> bool:
        """Whether an event that is not here may be with another server of the room."""
        if not self.other_servers(room) or not may_be_event_id(event_id, room.version):
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

    def other_servers(self, room: LiveRoom) -> frozenset[str]:
        """The servers in a room that are not of here."""
        return self._servers_in(room)[1]

    def _servers_in(self, room: LiveRoom) -> tuple[tuple[int, int, int], frozenset[str], frozenset[str]]:
        """(of which state, other servers, hosted domains). Found anew when the state has changed, or a domain has come."""
        mark = (room.state_version, room.incarnation, self._domains.count)
        known = self._servers.get(room.nid)
        if known is None or known[0] != mark:
            if len(self._servers) > 10_000:
                self._servers.clear()
            names = {domain_of(user) for user in room.joined}
            own = frozenset(filter(self._domains.is_hosted, names))
            others = {name for name in names | room.partial_servers if not self._domains.is_hosted(name)}
            known = self._servers[room.nid] = mark, frozenset(others), own
        return known

    def may_share_room(self, server: str, own: str) -> bool:
        """Whether people of a server and of a hosted domain may be in one room."""
        return self._boundaries.may_share_room(server, own)

    def require_may_meet(self, user_id: str, room: LiveRoom) -> None:
        """Somebody of here comes into a room. Raises M_FORBIDDEN where their domain does not talk to a server in it."""
        own = domain_of(user_id)
        for server in self.other_servers(room):
            if not self.may_share_room(server, own):
                raise Forbidden(f"People of {own} may not be in a room with people of {server}")

    def require_may_enter(self, server_name: str, room: LiveRoom) -> None:
        """Somebody of another server comes into a room, is invited or writes to it. Raises M_FORBIDDEN where a domain in it
        objects."""
        for own in self._servers_in(room)[2]:
            if not self.may_share_room(server_name, own):
                raise Forbidden(f"People of {own}, who are in this room, may not be in a room with people of {server_name}")

    def has_own_member(self, room: LiveRoom) -> bool:
        """Whether anybody of here is in a room."""
        return bool(self._servers_in(room)[2])

    async def servers_sharing(self, user_id: str) -> set[str]:
        """Every other server that is in a room with a user."""
        found: set[str] = set()
        for membership in await self.memberships.joined(user_id):
            found |= self.other_servers(await self.live.by_nid(membership.room_nid))
        return found

    def live_rooms(self, numbers: Sequence[int]) -> list[LiveRoom]:
        """Those of the rooms that are in memory."""
        return [room for n in numbers if (room := self.live.live(n)) is not None]
