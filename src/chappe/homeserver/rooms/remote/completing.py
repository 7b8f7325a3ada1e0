"""Rooms that could be used before all their members were here: those are fetched afterwards (MSC3706, MSC3902).

Until then a room's state lacks members. What is known of somebody who speaks is taken from what the event cites; whoever must
know all members waits (`await_all_members`). At the end every state since the join is written anew with the members, in one commit, and
the room is told to its people as if they had just come in.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chappe.homeserver.database.group_writer import GroupWriter, Write
from chappe.homeserver.database.leases import Leases
from chappe.homeserver.database.pool import DATABASE_LOST
from chappe.homeserver.database.rows import Row, find, values
from chappe.homeserver.database.shared_rows import DeviceListChangeRow
from chappe.homeserver.database.writing_function import Fragment
from chappe.homeserver.load.tasks import in_background
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.auth import in_auth_order
from chappe.homeserver.rooms.remote.calls import RoomCalls
from chappe.homeserver.rooms.remote.checks import PduChecks, SignedPdu, best_copies, require_unaltered
from chappe.homeserver.rooms.remote.fit_copies import FitCopies
from chappe.homeserver.rooms.remote.receive_pdu import Receiver
from chappe.homeserver.rooms.remote.saved_members import save_entries, save_memberships
from chappe.homeserver.rooms.remote.stored_pdu import REJECTED, StoredPdu
from chappe.homeserver.rooms.remote.without_timeline import WithoutTimeline
from chappe.homeserver.rooms.rooms import MEMBER, Rooms
from chappe.homeserver.rooms.state_tree import EMPTY, int_to_name, name_to_int
from chappe.homeserver.rooms.summary import summary_row
from chappe.matrix.directory_entries import directory_entry
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import domain_of

log = logging.getLogger(__name__)
FIRST_WAIT, LONGEST_WAIT = 2.0, 300.0
PATIENCE = 55.0  # seconds that a request waits for a room to be whole
KEPT_AT_ONCE = 1000
SERVERS_ASKED = 5
BELIEVED_FOR = 20  # attempts, about an hour: then only the server that let us in counts as one in the room


class WholeStateRow(Row):
    room: int
    was: int
    now: int


class WholeRoomRow(Row):
    room: int
    own: list[str]


class BelievedLessRow(Row):
    room: int


FRAGMENTS = (
    Fragment(
        "whole_states",
        WholeStateRow,
        """
        FOR r IN SELECT * FROM unnest(whole_states_rows) LOOP
            CONTINUE WHEN r._lane = ANY (bad);
            UPDATE events SET state_before = CASE WHEN state_before = r.was THEN r.now ELSE state_before END,
                              state_after = CASE WHEN state_after = r.was THEN r.now ELSE state_after END,
                              room_before = CASE WHEN room_before = r.was THEN r.now ELSE room_before END
             WHERE room_nid = r.room AND r.was IN (state_before, state_after, room_before);
        END LOOP;""",
    ),
    Fragment(
        "whole_rooms",
        WholeRoomRow,
        """
        FOR r IN SELECT * FROM unnest(whole_rooms_rows) LOOP
            CONTINUE WHEN r._lane = ANY (bad);
            DELETE FROM partial_rooms p WHERE p.room_nid = r.room;
            UPDATE memberships SET retold = upto WHERE room_nid = r.room AND user_id = ANY (r.own);
        END LOOP;""",
    ),
    Fragment(
        "believed_less",
        BelievedLessRow,
        """
        FOR r IN SELECT * FROM unnest(believed_less_rows) LOOP
            CONTINUE WHEN r._lane = ANY (bad);
            UPDATE partial_rooms p SET servers = p.servers[1:1] WHERE p.room_nid = r.room;
        END LOOP;""",
    ),
)


class PartialRoom(Row):
    event_id: str
    servers: list[str]


class Completing:
    def __init__(
        self, rooms: Rooms, receiver: Receiver, checks: PduChecks, calls: RoomCalls, writer: GroupWriter, leases: Leases
    ) -> None:
        self._writer, self._leases = writer, leases
        self._rooms, self._receiver, self._checks, self._calls = rooms, receiver, checks, calls
        self._database = receiver.store.database
        self._listeners: list[Callable[[str], None]] = []
        self._workers: dict[int, asyncio.Task[None]] = {}
        self._news: dict[int, asyncio.Event] = {}  # by room with a worker
        self._copies, self._looking = FitCopies(receiver, checks, calls), set[asyncio.Task[None]]()

    def listen(self, listener: Callable[[str], None]) -> None:
        """`listener` is told the id of each room that has become whole."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Takes up the rooms that earlier processes left unfinished."""
        await self._database.execute(  # joins that were cut off in their middle
            "DELETE FROM partial_rooms p USING rooms r WHERE r.room_nid = p.room_nid AND r.stub"
        )
        await self.resume()

    async def resume(self) -> None:
        """Takes up the rooms that nobody works on: those of this process's start, and those of a process that has died."""
        partial = await values(
            self._database, int, "SELECT p.room_nid FROM partial_rooms p JOIN rooms r USING (room_nid) WHERE NOT r.stub"
        )
        for room_nid in partial:
            if room_nid not in self._workers:
                self.begin_fetching(room_nid)

    async def stop(self) -> None:
        tasks = [*self._workers.values(), *self._looking]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def look_for(self, room: LiveRoom, events: Sequence[SignedPdu], servers: Sequence[str]) -> None:
        """Looks, meanwhile, for the content of state events that came redacted: they may have been redacted for us alone."""
        task = in_background(self._copies.look_for(room, events, servers), name=f"contents of room {room.nid}")
        self._looking.add(task)
        task.add_done_callback(self._looked)

    def _looked(self, task: asyncio.Task[None]) -> None:
        self._looking.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.info("contents could not be looked for", extra={"fields": {"why": str(error)[:200]}})

    def begin_fetching(self, room_nid: int) -> asyncio.Task[None]:
        """Asks for the members now, also where that has failed before: somebody of here may have been out of the room."""
        task = self._workers.get(room_nid)
        if task is None:
            self._news[room_nid] = asyncio.Event()
            task = self._workers[room_nid] = in_background(self._work(room_nid), name=f"members of room {room_nid}")
            task.add_done_callback(lambda _: self._ended(room_nid))
        self._news[room_nid].set()
        return task

    def _ended(self, room_nid: int) -> None:
        del self._workers[room_nid], self._news[room_nid]

    async def await_all_members(self, room: LiveRoom, seconds: float = PATIENCE) -> None:
        """Returns once all members are here. Raises M_UNABLE_DUE_TO_PARTIAL_STATE (504) where that takes too long."""
        deadline = asyncio.get_running_loop().time() + seconds
        while room.is_partial:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                raise MatrixError(
                    504,
                    "M_UNABLE_DUE_TO_PARTIAL_STATE",
                    "The members of this room are still being fetched: try again in a moment",
                )
            task = self._workers.get(room.nid)
            if task is not None:
                await asyncio.wait([task], timeout=left)
            else:
                await asyncio.sleep(min(0.5, left))  # another process fetches them
            room = await self._rooms.live.by_nid(room.nid)

    async def _work(self, room_nid: int) -> None:
        wait, lease, failures, news = FIRST_WAIT, f"members of room {room_nid}", 0, self._news[room_nid]
        while True:
            news.clear()
            try:
                if not await self._leases.claim(lease):
                    return  # another process fetches them; if that one dies, `resume` takes the room up
                async with self._leases.kept(lease):
                    await self._complete(await self._rooms.live.by_nid(room_nid))
                await self._leases.give_back(lease)
                return
            except (MatrixError, TimeoutError, *DATABASE_LOST) as error:
                log.info("members could not be fetched", extra={"fields": {"room": room_nid, "why": str(error)[:200]}})
            except Exception:
                log.exception("a room could not be made whole", extra={"fields": {"room": room_nid}})
            failures += 1
            if failures >= BELIEVED_FOR:
                await self._believe_less(room_nid)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), wait)
            wait = FIRST_WAIT if news.is_set() else min(wait * 2, LONGEST_WAIT)

    async def _believe_less(self, room_nid: int) -> None:
        """Servers that nobody is known of get nothing more of what is said here, until the members say who they are."""
        try:
            if len((await self._rooms.live.by_nid(room_nid)).partial_servers) < 2:
                return
            write = Write()
            write.positions = 1
            write.touch_room(room_nid, "events")  # the other processes read the room anew
            write.add(BelievedLessRow(room=room_nid))
            await self._writer.submit(write)
            self._rooms.live.read_anew(room_nid)
        except DATABASE_LOST as error:
            log.info("servers are still believed", extra={"fields": {"room": room_nid, "why": str(error)[:200]}})

    async def _complete(self, room: LiveRoom) -> None:
        row = await find(
            self._database, PartialRoom, "SELECT event_id, servers FROM partial_rooms WHERE room_nid = $1", room.nid
        )
        if row is None:
            room.make_stale()  # another process was faster
            return
        members = await self._fetch(room, row.event_id, row.servers)
        await self._save_members(room, members)
        while True:
            async with self._receiver.lock(room):
                write = _WholeWrite(
                    room,
                    *await self._whole_states(room, {self._rooms.key_hash(MEMBER, u): k.nid for u, (k, _) in members.items()}),
                    [user for user in room.joined if self._rooms.is_hosted(user)],
                )
                write.members = {user: content for user, (_, content) in members.items()}
                await self._rooms.commit(write)
            if not write.is_set_aside:
                break
        for listener in self._listeners:
            listener(room.room_id)

    async def _fetch(
        self, room: LiveRoom, event_id: str, servers: Sequence[str]
    ) -> dict[str, tuple[StoredPdu, Mapping[str, Any]]]:
        """The member events of the state before our join, by user, checked and stored.

        After the server that let us in, those are asked of which somebody is known to be in the room.
        """
        last: MatrixError = MatrixError(502, "M_UNKNOWN", "No other server is in the room")
        for server in self._calls.servers(room, servers[:1])[:SERVERS_ASKED]:
            try:
                state, chain = await self._calls.whole_state(room, server, event_id)
            except MatrixError as error:
                last = error
                continue
            in_state = await self._checks.check_many(state, room.version)
            events = best_copies([*(await self._checks.check_many(chain, room.version)).values(), *in_state.values()])
            del state, chain
            try:
                require_unaltered(events, server)
            except MatrixError as error:
                last = error
                continue
            events = {e.event_id: e for e in await self._copies.confirm(room, list(events.values()), [server])}
            await self._adopt(room, events)
            wanted = {
                i: e for i, e in in_state.items() if e.key is not None and e.key[0] == MEMBER and e.room_id == room.room_id
            }
            known = await self._receiver.store.stored_pdus(wanted)
            return {
                wanted[i].pdu["state_key"]: (k, wanted[i].pdu["content"])
                for i, k in known.items()
                if k.status != REJECTED and k.room_nid == room.nid
            }
        raise last

    async def _adopt(self, room: LiveRoom, events: Mapping[str, SignedPdu]) -> None:
        """A part at a time: what is said in the room meanwhile comes in between."""
        ordered = in_auth_order(events)
        for start in range(0, len(ordered), KEPT_AT_ONCE):
            part = {checked.event_id: checked for checked in ordered[start : start + KEPT_AT_ONCE]}
            async with self._receiver.lock(room):
                await self._receiver.outliers.adopt(room, part)

    async def _save_members(self, room: LiveRoom, members: Mapping[str, tuple[StoredPdu, Mapping[str, Any]]]) -> None:
        """People of other servers: their memberships, and how they are found by name."""
        others = [(u, k, c) for u, (k, c) in members.items() if not self._rooms.is_hosted(u)]
        for start in range(0, len(others), KEPT_AT_ONCE):
            part = others[start : start + KEPT_AT_ONCE]
            rows = [(user, _membership(content), k.nid, k.sender) for user, k, content in part]
            entries = [
                directory_entry(user, content)
                for user, k, content in part
                if content.get("membership") == "join" and k.sender == user
            ]
            async with self._database.transaction() as transaction:
                await save_memberships(transaction, room.nid, rows)
                await save_entries(transaction, entries)

    async def _whole_states(
        self, room: LiveRoom, members: Mapping[bytes, int]
    ) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
        """(every state of the room and what it is with the members, the nodes of the present one)."""
        await self._rooms.settled(room)
        stored = await values(
            self._database,
            int,
            """SELECT DISTINCT root FROM (SELECT unnest(ARRAY[state_before, state_after, room_before]) AS root FROM events
                WHERE room_nid = $1) e WHERE root IS NOT NULL AND root <> 0""",
            room.nid,
        )
        roots = {int_to_name(root) for root in stored} | {room.root, *room.forward_extremities.values()} - {EMPTY}
        whole: dict[bytes, bytes] = {}
        base = room.root
        have = await self._rooms.trees.entries(base)
        whole[base] = await self._receiver.states.store(
            room.nid, base, {key: nid for key, nid in members.items() if key not in have}
        )
        for root in roots - {base}:
            difference = await self._rooms.trees.diff(base, root)  # key: (in base, in root)
            changes = {key: now if now is not None else members.get(key) for key, (_, now) in difference.items()}
            whole[root] = await self._receiver.states.store(room.nid, whole[base], changes)
        return whole, await self._receiver.states.nodes_below(whole[base], room.nodes)


class _WholeWrite(WithoutTimeline):
    def __init__(self, room: LiveRoom, whole: Mapping[bytes, bytes], nodes: Mapping[bytes, bytes], own: Sequence[str]) -> None:
        super().__init__(room, None)
        self._whole, self._nodes, self._own = whole, nodes, own
        self.members: Mapping[str, Mapping[str, Any]] = {}

    def build(self) -> None:
        self.start_over()
        room = self.lane
        ahead = self.ahead
        states = {ahead.root, *room.forward_extremities.values(), *ahead.forward_extremities.values()}
        if any(root not in self._whole for root in states if root != EMPTY):
            self.is_set_aside = True  # the room has got states since those were computed
            return
        self.revokes, self.positions, self.is_read_anew, self.state_changes = True, 1, True, 1
        self.root_after = self._whole[ahead.root]
        ahead.move(self.root_after, self._nodes, {})
        for was, now in self._whole.items():
            if was != now:
                self.add_row(WholeStateRow(room=room.nid, was=name_to_int(was), now=name_to_int(now)))
        self.add_row(WholeRoomRow(room=room.nid, own=list(self._own)))
        memberships = [_membership(content) for content in self.members.values()]
        known = {user for kind, user in room.state if kind == MEMBER} & self.members.keys()
        before = [_membership(self.members[user]) for user in known]
        joined = ahead.joined + memberships.count("join") - before.count("join")
        invited = ahead.invited + memberships.count("invite") - before.count("invite")
        self.summary = summary_row(room.nid, room.get, joined, invited)
        self.rooms = {room.nid: {"events"}}
        tells_of_devices = bool(self._unforeseen())
        for user in self._own:
            self.touch_user(user, "membership")
            if tells_of_devices:
                self.add_row(DeviceListChangeRow(who=user))

    def _unforeseen(self) -> set[str]:
        """The servers in the room that nobody had named: they were not told of the devices of people of here."""
        joined: set[str] = {domain_of(user) for user, content in self.members.items() if _membership(content) == "join"}
        return joined - self.lane.partial_servers - {domain_of(user) for user in self._own}


def _membership(content: Mapping[str, Any]) -> str:
    membership = content.get("membership")
    return membership if type(membership) is str else "leave"


async def begin_partial(transaction: Any, room_nid: int, event_id: str, servers: Sequence[str]) -> None:
    """The members of a room are not here yet. `event_id`: of the join with which they are asked for; `servers`: those in the room."""
    await transaction.execute(
        """INSERT INTO partial_rooms VALUES ($1, $2, $3)
           ON CONFLICT (room_nid) DO UPDATE SET event_id = $2, servers = $3""",
        room_nid,
        event_id,
        servers,
    )


async def end_partial(transaction: Any, room_nid: int) -> None:
    await transaction.execute("DELETE FROM partial_rooms WHERE room_nid = $1", room_nid)
