"""/sync (client-server API, "Syncing"): waits until something concerns the reader, then composes the answer."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from chappe.homeserver.database.clock import Clock
from chappe.homeserver.http.request import Request
from chappe.homeserver.modules.ignored_users.ignored_users import IgnoredUsers
from chappe.homeserver.modules.push.counts import UnreadCounts
from chappe.homeserver.modules.relations.relations import Relations
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.memberships import Membership
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.sync.context import SyncContext, changes_since
from chappe.homeserver.sync.event_format import as_between_servers
from chappe.homeserver.sync.lazy_members import LazyMembers
from chappe.homeserver.sync.long_poll import long_poll
from chappe.homeserver.sync.notifier import Notifier
from chappe.homeserver.sync.room_section import Extras, RoomSections
from chappe.homeserver.sync.room_timeline import limit_of
from chappe.homeserver.sync.section import JoinedRoom, Sections, SyncAnswer
from chappe.homeserver.sync.shared_answers import Shared, SharedAnswers
from chappe.homeserver.sync.token import SyncToken
from chappe.matrix.filters import NO_FILTER, Filter, passes_room

EVENTS_AT_ONCE = 2000  # of the timelines that are read together


@dataclass(frozen=True, slots=True)
class SyncRequest:
    since: SyncToken | None
    timeout_ms: int
    filter: Filter = NO_FILTER
    full_state: bool = False
    state_after: str | None = None  # the name under which the client wants the state after the timeline


class SyncEngine:
    def __init__(
        self,
        clock: Clock,
        rooms: Rooms,
        notifier: Notifier,
        counts: UnreadCounts,
        relations: Relations,
        ignored_users: IgnoredUsers,
        sections: Sections,
    ) -> None:
        self._clock, self._rooms, self._notifier = clock, rooms, notifier
        self._counts, self._ignored_users = counts, ignored_users
        self._sections = RoomSections(rooms, relations)
        self._lazy, self._shared = LazyMembers(), SharedAnswers()
        self._of_account = sections.that("of_account")
        self._touched = sections.that("touched")
        self._ephemeral_of = sections.that("ephemeral")

    async def sync(self, request: Request, wanted: SyncRequest) -> bytes:
        """The answer as JSON. Ends early, empty, when the client goes or the server shuts down.

        Whoever asks the same at the same time (a client that repeats itself, a page opened twice) gets the same answer.
        """
        key = (request.user_id, request.requester.device_id, request.query_string)
        return await self._shared.get(
            key, self._clock.watermark, lambda shared: self._sync(request, wanted, shared), request.still_allowed
        )

    async def _sync(self, request: Request, wanted: SyncRequest, shared: Shared) -> bytes:
        since = await self._usable(wanted.since)
        immediate = since is None or wanted.full_state or wanted.timeout_ms <= 0

        async def compose() -> tuple[bytes, bool]:
            shared.reads_at = self._clock.watermark
            answer, has_news = await self._compose(request, since, wanted)
            if not has_news:
                shared.reads_at = None
            return answer, has_news

        return await long_poll(request, self._notifier, wanted.timeout_ms, immediate, compose)

    async def _usable(self, since: SyncToken | None) -> SyncToken | None:
        """The token; None, for an initial sync, where another database gave it. Reads the journal where it is ahead of this process."""
        if since is None or since.epoch != self._clock.epoch:
            return None
        if since.position > self._clock.watermark:
            await self._clock.catch_up()
            if since.position > self._clock.watermark:
                return None
        return since

    async def _compose(self, request: Request, since: SyncToken | None, wanted: SyncRequest) -> tuple[bytes, bool]:
        requester = request.requester
        memberships = await self._rooms.memberships.of(requester.user_id)
        changes = changes_since(self._clock, requester.user_id, since, memberships)
        context = SyncContext(
            requester, since, self._clock.watermark, wanted.filter, wanted.full_state, wanted.state_after, memberships, changes
        )
        answer = SyncAnswer()
        for section in self._of_account:
            await section.of_account(context, answer)
        rooms = await self._rooms_part(context, answer.room_account_data)
        if rooms and wanted.filter.event_format == "federation":
            rooms = await as_between_servers(self._rooms, rooms, wanted.filter.event_fields)
        token = SyncToken(context.upto, answer.typing, answer.to_device, self._clock.epoch)
        parts = [b'{"next_batch":"', str(token).encode(), b'"']
        if rooms:
            parts += [b',"rooms":{', rooms, b"}"]
        for name, events in answer.events.items():
            parts += [b',"%b":{"events":[' % name.encode(), b",".join(events), b"]}"]
        for name, value in answer.members.items():
            parts += [b',"%b":' % name.encode(), value]
        parts.append(b"}")
        return b"".join(parts), answer.has_news or bool(rooms or answer.events)

    # ------------------------------------------------------------------------------------------------------- rooms

    async def _rooms_part(self, context: SyncContext, account_data: dict[str, list[bytes]]) -> bytes:
        sections: dict[str, list[bytes]] = {"join": [], "invite": [], "leave": [], "knock": []}
        joined: list[tuple[Membership, LiveRoom]] = []
        candidates = await self._candidates(context, account_data)
        live = await self._rooms.live.many(m.room_nid for m in candidates)
        for membership in candidates:
            room = live[membership.room_nid]
            if membership.membership == "join":
                if room.is_partial and not context.filter.room.state.lazy_load_members:
                    continue  # shown once its members are here
                joined.append((membership, room))
            elif membership.membership == "invite" and await self._ignored_users.hides_invitation(
                context.user_id, membership.sender
            ):
                continue
            elif membership.membership in ("invite", "knock"):
                name = f"{membership.membership}_state"
                section = b'{"%b":{"events":[%b]}}' % (name.encode(), RoomSections.stripped(room, context.user_id))
                sections[membership.membership].append(_named(room.room_id, section))
            else:
                sections["leave"].append(_named(room.room_id, await self._sections.left(context, room, membership)))
        if joined:
            sections["join"] = await self._joined(context, joined, account_data)
        return b",".join(b'"%b":{%b}' % (name.encode(), b",".join(found)) for name, found in sections.items() if found)

    async def _candidates(self, context: SyncContext, account_data: dict[str, list[bytes]]) -> list[Membership]:
        """The rooms that may have something to say."""
        memberships = [m for m in context.memberships.values() if passes_room(context.filter.room, m.room_id)]
        after = context.after
        if context.since is None or context.full_state:
            return [m for m in memberships if _is_told_at_first(context, m)]
        # a leave is told, whoever has forgotten the room since
        news = {m.room_nid for m in memberships if m.position > after}
        if context.changes.known:
            touched = set(context.changes.rooms)
        else:
            last_positions = await self._rooms.store.last_positions(context.joined)
            touched = {n for n, last in last_positions.items() if last > after}
        for section in self._touched:
            touched.update(await section.touched(context))
        return [
            m
            for m in memberships
            if m.room_nid in news or (m.membership == "join" and (m.room_nid in touched or m.room_id in account_data))
        ]

    async def _joined(
        self, context: SyncContext, joined: list[tuple[Membership, LiveRoom]], account_data: dict[str, list[bytes]]
    ) -> list[bytes]:
        rooms = [room for _, room in joined]
        counts = await self._counts.of(context.user_id, rooms)
        ephemeral = await self._ephemeral(context, joined)
        sent = self._lazy.of(context.user_id, context.requester.device_id, context.after)
        sections = []
        at_once = max(1, EVENTS_AT_ONCE // (limit_of(context.filter.room.timeline) + 1))
        for some in (joined[n : n + at_once] for n in range(0, len(joined), at_once)):
            timelines = await self._sections.timelines(context, some)
            for (membership, room), timeline in zip(some, timelines, strict=True):
                extras = Extras(
                    account_data.get(room.room_id, []),
                    ephemeral.get(room.nid, []),
                    counts[room.nid],
                    self._counts_changed(context, room),
                )
                section = await self._sections.joined(context, room, membership, timeline, sent, extras)
                if section is not None:
                    sections.append(_named(room.room_id, section))
        self._lazy.weigh(context.user_id, context.requester.device_id)
        return sections

    @staticmethod
    def _counts_changed(context: SyncContext, room: LiveRoom) -> bool:
        """Whether what came since may have changed them: they are told in the same answer as the event or receipt that did."""
        return (
            context.since is None
            or context.full_state
            or any(context.changes.touches(room.nid, kind) for kind in ("events", "receipts", "private_receipts"))
        )

    async def _ephemeral(self, context: SyncContext, joined: list[tuple[Membership, LiveRoom]]) -> dict[int, list[bytes]]:
        rooms = [JoinedRoom(m, r, context.since is None or m.told_since > context.after) for m, r in joined]
        result: dict[int, list[bytes]] = {}
        for section in self._ephemeral_of:
            for number, event in (await section.ephemeral(context, rooms)).items():
                result.setdefault(number, []).append(event)
        return result


def _named(room_id: str, section: bytes) -> bytes:
    return orjson.dumps(room_id) + b":" + section


def _is_told_at_first(context: SyncContext, m: Membership) -> bool:
    """Whether an answer that begins anew has a room."""
    if m.membership in ("join", "invite", "knock") or m.position > context.after > 0:
        return True
    return context.filter.room.include_leave and m.was_joined and not m.forgotten
