"""To what new events relate: the thread that they belong to, and whether they may."""

from __future__ import annotations

from chappe.homeserver.rooms.create_event import Draft
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.store import RoomStore
from chappe.matrix.errors import BadRequest
from chappe.matrix.relations import ANNOTATION, THREAD, relation_of


class Relating:
    """Nothing is read where the related event is in the tail of its room."""

    def __init__(self, store: RoomStore) -> None:
        self._store = store

    async def relate(self, room: LiveRoom, drafts: list[Draft], txn: str | None) -> None:
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
                if await self._store.annotated(room.nid, relation.target, draft.sender, draft.type, relation.key):
                    if txn is None or await self._store.sent(txn) is None:
                        raise BadRequest("You have reacted like this already", "M_DUPLICATE_ANNOTATION")

    async def thread_of(self, room: LiveRoom, event_id: str) -> tuple[str, bool]:
        """(the thread of an event, "" for the main timeline; whether it is itself related to another)."""
        return await self._known_thread(room, event_id) or ("", False)

    async def _known_thread(self, room: LiveRoom, event_id: str) -> tuple[str, bool] | None:
        if (event := room.recent(event_id)) is not None:
            return event.thread, event.relates_to is not None
        return (await self._store.threads_of(room.nid, [event_id])).get(event_id)

    async def _thread_here(self, room: LiveRoom, event_id: str) -> tuple[str, bool]:
        """The same for what somebody relates to. Raises M_INVALID_PARAM for an event of another room."""
        known = await self._known_thread(room, event_id)
        if known is None and await self._store.room_of_event(event_id) is not None:
            raise BadRequest("An event can relate to events of its own room only", "M_INVALID_PARAM")
        return known or ("", False)
