"""Relations between events: what relates to an event, in pages and bundled with it (client-server API, "Aggregations of
child events")."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from chappe.homeserver.modules.relations.store import RelationStore
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.visibility import Place, VisibleEvent
from chappe.matrix.errors import NotFound
from chappe.matrix.relations import BUNDLED, REFERENCE, REPLACE, THREAD, is_valid_edit

MAX_DEPTH = 3  # hops that `recurse` follows
MAX_READS = 10


@dataclass(frozen=True, slots=True)
class RelationPage:
    """`next`: the position to go on from, None at the end."""

    events: list[VisibleEvent]
    next: int | None


@dataclass(slots=True)
class Thread:
    """As a reader sees it."""

    latest_id: str
    count: int = 0
    participated: bool = False


class Relations:
    def __init__(self, store: RelationStore, rooms: Rooms) -> None:
        self._store, self._rooms = store, rooms

    # -------------------------------------------------------------------------------------------- events for clients

    async def present(self, user_id: str, device_id: str, room: LiveRoom, events: Sequence[VisibleEvent]) -> list[bytes]:
        """Client events: the reader's membership at each, the transaction id if this device sent it, what relates to it."""
        bundles = await self.bundles(user_id, room, [e for e, _ in events])
        mine = f"{user_id}\x1f{device_id}\x1f"
        return [present_event(e, m, mine, bundles.get(e.event_id)) for e, m in events]

    async def bundles(
        self, user_id: str, room: LiveRoom, events: Iterable[RoomEvent], with_threads: bool = True
    ) -> dict[str, bytes]:
        """`m.relations` by event. Reads nothing where all events are in the tail and none of them has any."""
        targets = {
            e.event_id: e
            for e in events
            if e.state_key is None and (e.event_id in room.related or (e.is_target and e.position <= room.complete_from))
        }
        kinds = await self._store.kinds(room.nid, list(targets)) if targets else {}
        if kinds.keys().isdisjoint(BUNDLED):
            return {}
        ignored = sorted(await self._rooms.visibility.ignoring.of(user_id))
        found: dict[str, dict[str, Any]] = {}
        if edited := {target: targets[target] for target in kinds.get(REPLACE, ())}:
            for target, edit in (await self._edits(user_id, room, edited, ignored)).items():
                found.setdefault(target, {})[REPLACE] = orjson.Fragment(edit)
        if referenced := kinds.get(REFERENCE):
            for target, ids in (await self._references(user_id, room, referenced, ignored)).items():
                found.setdefault(target, {})[REFERENCE] = {"chunk": [{"event_id": e} for e in ids]}
        if with_threads and (roots := {target: targets[target] for target in kinds.get(THREAD, ())}):
            for target, thread in (await self._threads(user_id, room, roots, ignored)).items():
                found.setdefault(target, {})[THREAD] = thread
        return {target: orjson.dumps(relations) for target, relations in found.items()}

    async def _edits(self, user_id: str, room: LiveRoom, targets: dict[str, RoomEvent], ignored: list[str]) -> dict[str, bytes]:
        """The latest edit that counts, by time, then by id."""
        candidates: dict[str, list[str]] = {}
        left = await self._left_at(user_id, room) if room.history_visibility != "world_readable" else None
        for row in await self._store.edits(room.nid, list(targets), ignored, left):
            candidates.setdefault(row.target, []).append(row.event_id)
        shown: dict[str, VisibleEvent] = {}
        while candidates:
            first = [ids[0] for ids in candidates.values()]
            seen = {e.event_id: (e, m) for e, m in await self._visible(user_id, room, first)}
            for target, ids in list(candidates.items()):
                edit = seen.get(ids.pop(0))
                if edit is not None and is_valid_edit(_parsed(targets[target]), _parsed(edit[0])):
                    shown[target] = edit
                    ids.clear()
                if not ids:
                    del candidates[target]
        await self._rooms.visibility.show(user_id, room, list(shown.values()))
        return {target: event.for_reader(membership) for target, (event, membership) in shown.items()}

    async def _references(self, user_id: str, room: LiveRoom, targets: list[str], ignored: list[str]) -> dict[str, list[str]]:
        rows = await self._store.references(room.nid, targets, ignored)
        if not rows:
            return {}
        visible = {e.event_id for e, _ in await self._visible(user_id, room, [row.event_id for row in rows])}
        result: dict[str, list[str]] = {}
        for row in sorted(rows, key=lambda row: room.order.key(row.position)):
            if row.event_id in visible:
                result.setdefault(row.target, []).append(row.event_id)
        return result

    async def _threads(
        self, user_id: str, room: LiveRoom, targets: dict[str, RoomEvent], ignored: list[str]
    ) -> dict[str, dict[str, Any]]:
        roots = [target for target in targets if target in room.threads]
        if not roots:
            return {}
        left = await self._left_at(user_id, room)
        found = await self._store.threads(room.nid, roots, user_id, ignored, left)
        mine = (await self._rooms.memberships.of(user_id)).get(room.nid)
        older = [thread.target for thread in found if mine is None or not mine.sees(thread.first)]
        threads = {t.target: Thread(t.latest_id, t.count, t.participated) for t in found}
        if older:  # what is in them may be hidden in part: only what is seen is counted
            threads = {root: thread for root, thread in threads.items() if root not in older}
            threads |= await self._seen_threads(user_id, room, older, ignored, left)
        latest = await self._visible(user_id, room, [thread.latest_id for thread in threads.values()])
        await self._rooms.visibility.show(user_id, room, latest)
        nested = await self.bundles(user_id, room, [e for e, _ in latest], with_threads=False)
        shown = {e.event_id: e.for_reader(m, relations=nested.get(e.event_id)) for e, m in latest}
        return {
            root: {
                "latest_event": orjson.Fragment(shown[thread.latest_id]),
                "count": thread.count,
                "current_user_participated": thread.participated or targets[root].sender == user_id,
            }
            for root, thread in threads.items()
            if thread.latest_id in shown
        }

    async def _seen_threads(
        self, user_id: str, room: LiveRoom, roots: list[str], ignored: list[str], left: int | None
    ) -> dict[str, Thread]:
        """Threads of which the reader sees something, by their roots: as if what they do not see were not there."""
        rows = await self._store.in_threads(room.nid, roots, ignored, left)
        rows = sorted(rows, key=lambda row: room.order.key(row.position), reverse=True)
        places = [Place(row.position, row.state_before) for row in rows]
        seen = await self._rooms.visibility.visible_places(user_id, room, places)
        threads: dict[str, Thread] = {}
        for row, place in zip(rows, places, strict=True):
            if place in seen:
                thread = threads.setdefault(row.target, Thread(row.event_id))
                thread.count += 1
                thread.participated = thread.participated or row.sender == user_id
        return threads

    async def _left_at(self, user_id: str, room: LiveRoom) -> int | None:
        mine = (await self._rooms.memberships.of(user_id)).get(room.nid)
        return mine.position if mine is not None and mine.membership != "join" else None

    async def _visible(self, user_id: str, room: LiveRoom, event_ids: list[str]) -> list[VisibleEvent]:
        if not event_ids:
            return []
        wanted = set(event_ids)
        events = [e for e in room.tail if e.event_id in wanted]
        missing = list(wanted - {e.event_id for e in events})
        if missing:
            rows = await self._rooms.store.events_by_id(room.nid, missing)
            events += await self._rooms.timeline.of_rows(room, rows)
        return await self._rooms.visibility.visible_events(user_id, room, events)

    # ------------------------------------------------------------------------------------------------------- in pages

    async def page(
        self,
        user_id: str,
        room: LiveRoom,
        event_id: str,
        rel_type: str | None,
        event_type: str | None,
        start: int | None,
        stop: int | None,
        backwards: bool,
        limit: int,
        recurse: bool,
    ) -> RelationPage:
        """What relates to an event, as far as the reader may see it. Raises M_NOT_FOUND as for the event itself."""
        await self._rooms.timeline.named(user_id, room, event_id)
        found: list[VisibleEvent] = []
        at, order = start, room.order
        until = None if stop is None else order.place(stop)
        for _ in range(MAX_READS):
            rows = await self._store.related(
                room.nid,
                event_id,
                rel_type,
                event_type,
                None if at is None else order.place(at),
                until,
                backwards,
                limit + 1,
                MAX_DEPTH if recurse else 1,
                order.spans,
            )
            visible = {e.event_id: (e, m) for e, m in await self._visible(user_id, room, [r.event_id for r in rows])}
            for row in rows:
                if row.event_id in visible:
                    if len(found) == limit:
                        return await self._shown(user_id, room, found, at)
                    found.append(visible[row.event_id])
                at = row.position
            if len(rows) <= limit:
                return await self._shown(user_id, room, found, None)
        return await self._shown(user_id, room, found, at)

    async def _shown(self, user_id: str, room: LiveRoom, events: list[VisibleEvent], following: int | None) -> RelationPage:
        await self._rooms.visibility.show(user_id, room, events)
        return RelationPage(events, following)

    async def related_to(self, room: LiveRoom, event_id: str, rel_types: Sequence[str]) -> list[str]:
        """The events that relate to one in the given ways ("*": any), whoever asks."""
        return await self._store.related_ids(room.nid, event_id, rel_types)

    # -------------------------------------------------------------------------------------------------------- threads

    async def thread_roots(
        self, user_id: str, room: LiveRoom, only_participated: bool, start: int | None, limit: int
    ) -> RelationPage:
        """The roots of the room's threads, those with the newest events first. `next` goes into `start`."""
        await self._rooms.visibility.require_reader(user_id, room)
        left = await self._left_at(user_id, room)
        found: list[VisibleEvent] = []
        at = start
        for _ in range(MAX_READS):
            roots = await self._roots(room, user_id if only_participated else None, at, left, limit + 1)
            visible = {e.event_id: (e, m) for e, m in await self._visible(user_id, room, [root for root, _ in roots])}
            for root, latest in roots:
                if root in visible:
                    if len(found) == limit:
                        return await self._shown(user_id, room, found, at)
                    found.append(visible[root])
                at = latest
            if len(roots) <= limit:
                return await self._shown(user_id, room, found, None)
        return await self._shown(user_id, room, found, at)

    async def _roots(
        self, room: LiveRoom, participant: str | None, start: int | None, upto: int | None, limit: int
    ) -> list[tuple[str, int]]:
        """(root, position of the latest answer), the latest first as they are read: an answer in a gap may be the latest."""
        order = room.order
        if len(order.spans) == 1:
            rows = await self._store.roots(room.nid, participant, start, upto, limit)
            return [(row.root, row.latest) for row in rows]
        latest: dict[str, int] = {}
        for row in await self._store.latest_answers(room.nid, participant, upto):
            root, position = row.root, row.position
            if upto is not None and order.when(position) > upto:
                continue
            latest[root] = max(position, latest.get(root, position), key=order.key)
        found = sorted(latest.items(), key=lambda item: order.key(item[1]), reverse=True)
        if start is not None:
            found = [item for item in found if order.key(item[1]) < order.place(start)]
        return found[:limit]

    async def require_thread(self, user_id: str, room_id: str, root: str) -> LiveRoom:
        """The room of an event that a thread begins, or may begin, with: whoever answers first follows it at the same time.
        Raises M_NOT_FOUND for one that is not there, or not for this reader."""
        room = await self._rooms.live.find(room_id)
        if room is None:
            raise NotFound("There is no such thread, or you may not see it")
        await self._rooms.timeline.named(user_id, room, root)
        return room


def present_event(event: RoomEvent, membership: str, mine: str, relations: bytes | None) -> bytes:
    """`mine`: how the transaction ids of the reader's device begin."""
    marks = event.marks_for(mine)
    if not marks and relations is None and membership == "join":
        return event.for_joined()
    return event.for_reader(membership, marks, relations)


def _parsed(event: RoomEvent) -> dict[str, Any]:
    return orjson.loads(event.head + b"}")  # type: ignore[no-any-return]
