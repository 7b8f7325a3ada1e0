"""/sync (client-server API, "Syncing"): waits until something concerns the reader, then composes the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from chappe.homeserver.database.clock import Clock
from chappe.homeserver.http.request import Request
from chappe.homeserver.matrix.filters import NO_FILTER, Filter, passes, passes_room
from chappe.homeserver.modules.account_data import GLOBAL
from chappe.homeserver.modules.receipts import receipt_content
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.memberships import Membership
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.sync.context import SyncContext, changes_since
from chappe.homeserver.sync.event_format import as_between_servers
from chappe.homeserver.sync.lazy_members import LazyMembers
from chappe.homeserver.sync.long_poll import long_poll
from chappe.homeserver.sync.modules import SyncModules
from chappe.homeserver.sync.notifier import Notifier
from chappe.homeserver.sync.presence_section import PresenceSection
from chappe.homeserver.sync.room_section import Extras, RoomSections
from chappe.homeserver.sync.shared_answers import Shared, SharedAnswers
from chappe.homeserver.sync.token import SyncToken


@dataclass(frozen=True, slots=True)
class SyncRequest:
    since: SyncToken | None
    timeout_ms: int
    filter: Filter = NO_FILTER
    full_state: bool = False
    state_after: str | None = None  # the name under which the client wants the state after the timeline


class SyncEngine:
    def __init__(self, clock: Clock, rooms: Rooms, notifier: Notifier, modules: SyncModules) -> None:
        self._clock, self._rooms, self._notifier, self._modules = clock, rooms, notifier, modules
        self._sections = RoomSections(rooms, modules.relations)
        self._lazy, self._shared = LazyMembers(), SharedAnswers()
        self._presence = PresenceSection(rooms, modules.presence)

    async def sync(self, request: Request, wanted: SyncRequest) -> bytes:
        """The answer as JSON. Ends early, empty, when the client goes or the server shuts down.

        Whoever asks the same at the same time (a client that repeats itself, a page opened twice) gets the same answer.
        """
        key = (request.user_id, request.requester.device_id, request.query_string)
        answer = await self._shared.get(key, self._clock.watermark, lambda shared: self._sync(request, wanted, shared))
        await request.still_allowed()  # who shares an answer is judged like who made it
        return answer

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
            requester,
            since,
            self._clock.watermark,
            wanted.filter,
            wanted.full_state,
            wanted.state_after,
            memberships,
            changes,
        )
        typing_serial = self._modules.typing.serial
        inbox = await self._modules.to_device.receive(
            requester.user_id, requester.device_id, since.to_device if since else 0,
            since is None or changes.concern_me("to_device"),
        )  # fmt: skip
        account_data, room_account_data = await self._account_data(context)
        rooms = await self._rooms_part(context, room_account_data)
        if rooms and wanted.filter.event_format == "federation":
            rooms = await as_between_servers(self._rooms, rooms, wanted.filter.event_fields)
        changed, left = await self._modules.device_lists.of(context)
        counts, unused_fallback = await self._modules.keys.counts(requester.user_id, requester.device_id)
        presence = await self._presence.of(context, changed)
        has_news = bool(
            presence or rooms or account_data or inbox.messages or changed or left or changes.concern_me("key_counts")
        )
        token = SyncToken(context.upto, typing_serial, inbox.cursor, self._clock.epoch)
        parts = [b'{"next_batch":"', str(token).encode(), b'"']
        if rooms:
            parts += [b',"rooms":{', rooms, b"}"]
        if account_data:
            parts += [b',"account_data":{"events":[', b",".join(account_data), b"]}"]
        if inbox.messages:
            parts += [b',"to_device":{"events":[', b",".join(inbox.messages), b"]}"]
        if presence:
            parts += [b',"presence":{"events":[', b",".join(presence), b"]}"]
        if changed or left:
            parts += [b',"device_lists":', orjson.dumps({"changed": changed, "left": left})]
        parts += [
            b',"device_one_time_keys_count":', orjson.dumps(counts),
            b',"device_unused_fallback_key_types":', orjson.dumps(unused_fallback), b"}",
        ]  # fmt: skip
        return b"".join(parts), has_news

    # ------------------------------------------------------------------------------------------------------- rooms

    async def _rooms_part(self, context: SyncContext, account_data: dict[str, list[bytes]]) -> bytes:
        sections: dict[str, list[bytes]] = {"join": [], "invite": [], "leave": [], "knock": []}
        joined: list[tuple[Membership, LiveRoom]] = []
        candidates = await self._candidates(context, account_data)
        live = await self._rooms.live.many(m.number for m in candidates)
        for membership in candidates:
            room = live[membership.number]
            if membership.membership == "join":
                if room.is_partial and not context.filter.room.state.lazy_load_members:
                    continue  # shown once its members are here
                joined.append((membership, room))
            elif membership.membership == "invite" and await self._modules.ignored_users.hides_invitation(
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
            leave = context.filter.room.include_leave
            return [
                m for m in memberships
                if m.membership in ("join", "invite", "knock") or m.position > after > 0 or (leave and m.was_joined and not m.forgotten)
            ]  # fmt: skip
        # a leave is told, whoever has forgotten the room since
        news = {m.number for m in memberships if m.position > after}
        if context.changes.known:
            touched = set(context.changes.rooms)
        else:
            joined = [m.number for m in memberships if m.membership == "join"]
            touched = {n for n, last in (await self._rooms.store.last_positions(joined)).items() if last > after}
            receipts = await self._modules.receipts.changed(context.user_id, joined, after, context.upto)
            touched |= receipts.keys()
        touched.update(self._modules.typing.changed_since(context.since.typing))
        return [
            m for m in memberships
            if m.number in news or (m.membership == "join" and (m.number in touched or m.room_id in account_data))
        ]  # fmt: skip

    async def _joined(
        self, context: SyncContext, joined: list[tuple[Membership, LiveRoom]], account_data: dict[str, list[bytes]]
    ) -> list[bytes]:
        rooms = [room for _, room in joined]
        counts = await self._modules.counts.of(context.user_id, rooms)
        ephemeral = await self._ephemeral(context, joined)
        sent = self._lazy.of(context.user_id, context.requester.device_id, context.after)
        sections = []
        for membership, room in joined:
            extras = Extras(
                account_data.get(room.room_id, []),
                ephemeral.get(room.number, []),
                counts[room.number],
                self._counts_changed(context, room),
            )
            section = await self._sections.joined(context, room, membership, sent, extras)
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
            or any(context.changes.touches(room.number, kind) for kind in ("events", "receipts", "private_receipts"))
        )

    async def _ephemeral(
        self, context: SyncContext, joined: list[tuple[Membership, LiveRoom]]
    ) -> dict[int, list[bytes]]:
        result: dict[int, list[bytes]] = {}
        event_filter = context.filter.room.ephemeral
        wanted = [(m, r) for m, r in joined if passes_room(event_filter, r.room_id)]
        whole = {r.number for m, r in wanted if context.since is None or m.told_since > context.after}
        if passes(event_filter, "m.receipt", None):
            touched = [
                r.number for _, r in wanted if r.number in whole or not context.changes.known
                or {"receipts", "private_receipts", "*"} & context.changes.rooms.get(r.number, set())
            ]  # fmt: skip
            for after, numbers in (
                (0, [n for n in touched if n in whole]),
                (context.after, [n for n in touched if n not in whole]),
            ):
                if not numbers:
                    continue
                found = await self._modules.receipts.changed(context.user_id, numbers, after, context.upto)
                for number, rows in found.items():
                    event = {"type": "m.receipt", "content": receipt_content(rows)}
                    result.setdefault(number, []).append(orjson.dumps(event))
        if passes(event_filter, "m.typing", None):
            changed = set(self._modules.typing.changed_since(context.since.typing if context.since else 0))
            for _, room in wanted:
                users = self._modules.typing.users(room.number)
                if (room.number in changed and context.since is not None) or (users and room.number in whole):
                    result.setdefault(room.number, []).append(
                        orjson.dumps({"type": "m.typing", "content": {"user_ids": users}})
                    )
        return result

    # ------------------------------------------------------------------------------------------------ account data

    async def _account_data(self, context: SyncContext) -> tuple[list[bytes], dict[str, list[bytes]]]:
        """(global events, events by room)."""
        if context.since is not None and not context.changes.concern_me("account_data"):
            return [], {}
        own: list[bytes] = []
        rooms: dict[str, list[bytes]] = {}
        types: set[str] = set()
        for row in await self._modules.account_data.changed(context.user_id, context.after, context.upto):
            if row["room_id"] != GLOBAL:
                f = context.filter.room.account_data
                if passes(f, row["type"], None) and passes_room(f, row["room_id"]):
                    rooms.setdefault(row["room_id"], []).append(_account_data_event(row["type"], row["content"]))
            elif row["type"] == "m.push_rules":
                types.add(row["type"])
            elif passes(context.filter.account_data, row["type"], None):
                own.append(_account_data_event(row["type"], row["content"]))
        if (context.since is None or "m.push_rules" in types) and passes(
            context.filter.account_data, "m.push_rules", None
        ):
            content: dict[str, Any] = {"global": await self._modules.push_rules.rules(context.user_id)}
            own.append(_account_data_event("m.push_rules", orjson.dumps(content)))
        return own, rooms


def _account_data_event(event_type: str, content: bytes) -> bytes:
    return b'{"type":%b,"content":%b}' % (orjson.dumps(event_type), content)


def _named(room_id: str, section: bytes) -> bytes:
    return orjson.dumps(room_id) + b":" + section
