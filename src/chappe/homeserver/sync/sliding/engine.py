"""Sliding sync: which rooms a request's rules match, and what the client lacks of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from chappe.homeserver.database.clock import Clock
from chappe.homeserver.database.user_cache import UserCache
from chappe.homeserver.http.request import Request
from chappe.homeserver.modules.account_data.account_data import AccountData
from chappe.homeserver.modules.ignored_users.ignored_users import IgnoredUsers
from chappe.homeserver.modules.push.counts import UnreadCounts
from chappe.homeserver.modules.relations.relations import Relations
from chappe.homeserver.modules.typing.typing import Typing
from chappe.homeserver.rooms.memberships import Membership
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.sync.context import Changes, changes_after
from chappe.homeserver.sync.long_poll import long_poll
from chappe.homeserver.sync.notifier import Notifier
from chappe.homeserver.sync.section import Section, Sections
from chappe.homeserver.sync.sliding.connection import Connection, Connections, SentState, unknown_pos
from chappe.homeserver.sync.sliding.extension import ExtensionContext
from chappe.homeserver.sync.sliding.extensions import SlidingExtensions
from chappe.homeserver.sync.sliding.request import RoomConfig, SlidingRequest, config_of, in_window, window_end
from chappe.homeserver.sync.sliding.room_list import ListedRoom, RoomList, RoomListPreferences, passing
from chappe.homeserver.sync.sliding.room_result import RoomResults, Wanted


@dataclass(slots=True)
class _Matched:
    """What the rules of a request match. `windows`: the rooms in each list's window."""

    configs: dict[int, RoomConfig] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    windows: dict[str, list[int]] = field(default_factory=dict)


class SlidingSync:
    def __init__(
        self,
        clock: Clock,
        rooms: Rooms,
        notifier: Notifier,
        account_data: AccountData,
        typing: Typing,
        counts: UnreadCounts,
        relations: Relations,
        ignored_users: IgnoredUsers,
        sections: Sections,
    ) -> None:
        self._clock, self._rooms, self._notifier = clock, rooms, notifier
        self._typing, self._counts, self._ignored_users = typing, counts, ignored_users
        self._list = RoomList(rooms, account_data)
        self._results = RoomResults(rooms, relations)
        self._extensions = SlidingExtensions(sections)
        self._preferences = UserCache(clock, ("account_data",), self._load_preferences)
        self.connections = Connections()

    async def _load_preferences(self, users: list[str]) -> dict[str, RoomListPreferences]:
        return {user: await self._list.preferences(user) for user in users}

    async def sync(self, request: Request, body: SlidingRequest, pos: str | None, timeout_ms: int) -> bytes:
        """The answer as JSON. Raises M_UNKNOWN_POS where the connection is not remembered."""
        requester, wanted = request.requester, self._extensions.read(body.extensions)
        if pos is None:
            connection = self.connections.open(requester.user_id, requester.device_id, body.conn_id)
            start = connection.latest
        else:
            connection, start = self.connections.find(requester.user_id, requester.device_id, body.conn_id, pos)
            if start.position > self._clock.watermark:
                await self._clock.catch_up()
                if start.position > self._clock.watermark:
                    raise unknown_pos()

        async def compose() -> tuple[tuple[bytes, SentState], bool]:
            answer, sent, has_news = await self._compose(request, connection, start, body, wanted)
            return (answer, sent), has_news

        answer, sent = await long_poll(request, self._notifier, timeout_ms, pos is None, compose)
        connection.advance(start, sent)
        return answer

    async def _compose(
        self,
        request: Request,
        connection: Connection,
        start: SentState,
        body: SlidingRequest,
        wanted: list[tuple[Section, Any]],
    ) -> tuple[bytes, SentState, bool]:
        user_id, device_id = request.user_id, request.requester.device_id
        memberships = await self._rooms.memberships.of(user_id)
        upto, typing = self._clock.watermark, self._typing.serial
        changes = changes_after(self._clock, user_id, start.position if start.serial else None, memberships)
        listed = await self._listed(connection, user_id, memberships, start)
        matched = await self._match(user_id, body, listed)
        rooms, fresh = await self._room_results(
            user_id, device_id, connection, start, matched.configs, memberships, changes, upto
        )
        context = ExtensionContext(
            user_id,
            device_id,
            start,
            upto,
            changes,
            memberships,
            {n: memberships[n].room_id for n in matched.configs if memberships[n].membership == "join"},
            fresh,
            matched.windows,
            body.room_subscriptions,
        )
        extensions, news = await self._extensions.of(context, wanted)
        names = frozenset(section.extension for section, _ in wanted)
        sent = self._sent(start, matched, upto, typing, names, tuple(rooms))
        answer: dict[str, Any] = {
            "pos": connection.pos(sent),
            "lists": {name: {"count": n} for name, n in matched.counts.items()},
            "rooms": {memberships[n].room_id: orjson.Fragment(raw) for n, raw in rooms.items()},
            "extensions": extensions,
        }
        if body.txn_id is not None:
            answer["txn_id"] = body.txn_id
        return orjson.dumps(answer), sent, bool(rooms) or news

    def _sent(
        self, start: SentState, matched: _Matched, upto: int, typing: int, names: frozenset[str], last: tuple[int, ...]
    ) -> SentState:
        relevant = frozenset(matched.configs)
        lapsed = {n: at for n, at in start.lapsed.items() if n not in relevant}
        lapsed.update((n, start.position) for n in start.relevant - relevant)
        return SentState(
            self.connections.next_serial(),
            upto,
            typing,
            {**start.rooms, **matched.configs},
            relevant,
            lapsed,
            names,
            matched.counts,
            last,
        )

    # ---------------------------------------------------------------------------------------------- the user's list

    async def _listed(
        self, connection: Connection, user_id: str, memberships: Mapping[int, Membership], start: SentState
    ) -> list[ListedRoom]:
        """The user's rooms, newest first. Only what changed is read again."""
        shown = {n: m for n, m in memberships.items() if self._is_listed(m, user_id, start)}
        commits = self._clock.since(connection.listed_at) if connection.listed is not None else None
        at = self._clock.watermark
        if commits is None or connection.listed is None:
            connection.listed = await self._list.build(shown.values())
        else:
            touched = {n for commit in commits for n, kinds in commit.rooms.items() if "events" in kinds or "*" in kinds}
            old = connection.listed
            again = [m for n, m in shown.items() if n in touched or n not in old or old[n].membership != m.membership]
            if again:
                old.update(await self._list.build(again))
            for room_nid in old.keys() - shown.keys():
                del old[room_nid]
        connection.listed_at = at
        hidden = await self._hidden_invitations(user_id, shown)
        rooms = [room for n, room in connection.listed.items() if n not in hidden]
        return sorted(rooms, key=lambda r: r.activity, reverse=True)

    @staticmethod
    def _is_listed(m: Membership, user_id: str, start: SentState) -> bool:
        since = start.from_position(m.room_nid)
        if m.forgotten:
            return since is not None and m.position > since  # the client has not heard of the leave before it
        if m.membership in ("join", "invite", "knock", "ban"):
            return True
        return m.sender != user_id or since is not None  # removed by others, or left before the client's eyes

    async def _hidden_invitations(self, user_id: str, shown: Mapping[int, Membership]) -> set[int]:
        invitations = [m for m in shown.values() if m.membership == "invite"]
        hides = self._ignored_users.hides_invitation
        return {m.room_nid for m in invitations if await hides(user_id, m.sender)}

    # -------------------------------------------------------------------------------------------------------- rules

    async def _match(self, user_id: str, body: SlidingRequest, listed: list[ListedRoom]) -> _Matched:
        matched = _Matched()
        preferences = await self._preferences.get(user_id)

        async def children(spaces: list[str]) -> frozenset[str]:
            return await self._list.children(user_id, spaces)

        for name, rule in body.lists.items():
            rooms = await passing(listed, rule.filters, preferences, children)
            matched.counts[name] = len(rooms)
            config, end = config_of(rule), window_end(rule)
            window = [r.room_nid for i, r in enumerate(rooms[: None if end is None else end + 1]) if in_window(rule, i)]
            matched.windows[name] = window
            for room_nid in window:
                known = matched.configs.get(room_nid)
                matched.configs[room_nid] = config if known is None else known | config
        if body.room_subscriptions:
            numbers = {room.room_id: room.room_nid for room in listed}
            for room_id, subscription in body.room_subscriptions.items():
                if (found := numbers.get(room_id)) is not None:
                    config, known = config_of(subscription), matched.configs.get(found)
                    matched.configs[found] = config if known is None else known | config
        return matched

    # -------------------------------------------------------------------------------------------------------- rooms

    async def _room_results(
        self,
        user_id: str,
        device_id: str,
        connection: Connection,
        start: SentState,
        configs: dict[int, RoomConfig],
        memberships: Mapping[int, Membership],
        changes: Changes,
        upto: int,
    ) -> tuple[dict[int, bytes], set[int]]:
        """(results by room, the rooms that were sent as new)."""
        chosen = [n for n, config in configs.items() if self._has_news(n, config, connection, start, memberships, changes)]
        live = await self._rooms.live.many(chosen)
        joined = [live[n] for n in chosen if memberships[n].membership == "join"]
        counts = await self._counts.of(user_id, joined) if joined else {}
        direct = (await self._preferences.get(user_id)).direct
        results: dict[int, bytes] = {}
        fresh: set[int] = set()
        for room_nid in chosen:
            membership, since = memberships[room_nid], start.from_position(room_nid)
            raw = await self._results.of(
                live[room_nid],
                Wanted(
                    user_id,
                    device_id,
                    membership,
                    configs[room_nid],
                    start.rooms.get(room_nid),
                    since,
                    start.position if start.serial else None,
                    upto,
                    membership.room_id in direct,
                    counts.get(room_nid),
                    connection.members.setdefault(room_nid, {}),
                ),
            )
            if raw is not None:
                results[room_nid] = raw
                if since is None or membership.told_since > since:
                    fresh.add(room_nid)
        return results, fresh

    @staticmethod
    def _has_news(
        room_nid: int,
        config: RoomConfig,
        connection: Connection,
        start: SentState,
        memberships: Mapping[int, Membership],
        changes: Changes,
    ) -> bool:
        since = start.from_position(room_nid)
        before = start.rooms.get(room_nid)
        if since is None or before is None or config.limit > before.limit or not config.rules <= before.rules:
            return True
        listed = (connection.listed or {})[room_nid]
        if listed.activity > since or memberships[room_nid].position > since:
            return True
        if memberships[room_nid].membership != "join":
            return False
        read = changes.concern_me("receipts") or not changes.known
        return changes.known and read and bool({"receipts", "private_receipts", "*"} & changes.rooms.get(room_nid, set()))
