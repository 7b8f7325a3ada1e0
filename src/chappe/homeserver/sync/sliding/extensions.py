"""The extensions of sliding sync: to-device messages, device lists, account data, receipts, typing, followed threads."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from chappe.homeserver.matrix.errors import BadRequest
from chappe.homeserver.modules.account_data import GLOBAL
from chappe.homeserver.modules.receipts import receipt_content
from chappe.homeserver.modules.threads import subscriptions_answer
from chappe.homeserver.rooms.memberships import Membership
from chappe.homeserver.sync.context import Changes
from chappe.homeserver.sync.modules import SyncModules
from chappe.homeserver.sync.sliding.connection import Sent
from chappe.homeserver.sync.sliding.request import Extension, Extensions, SlidingRequest
from chappe.homeserver.sync.token import position_token

_CURSOR = re.compile(r"d([0-9]{1,18})")
MAX_THREADS = 1000
ACCOUNT_DATA, RECEIPTS, TYPING, E2EE, THREADS = "account_data", "receipts", "typing", "e2ee", "thread_subscriptions"


@dataclass(slots=True)
class ExtensionContext:
    """`rooms`: the relevant rooms by number; `fresh`: those sent for the first time; `shown`: the events in this answer."""

    user_id: str
    device_id: str
    start: Sent
    upto: int
    changes: Changes
    memberships: Mapping[int, Membership]
    rooms: Mapping[int, str]
    fresh: Collection[int]
    windows: Mapping[str, Collection[int]]
    body: SlidingRequest

    def since(self, name: str) -> int:
        """From where an extension goes on: from the start if the last answer did not have it."""
        return self.start.position if name in self.start.extensions else 0

    def of(self, extension: Extension) -> dict[int, str]:
        """The rooms that an extension is asked for: all relevant ones, or those of some lists and subscriptions."""
        if extension.lists is None and extension.rooms is None:
            return dict(self.rooms)
        chosen: set[int] = set()
        for name in self.windows if extension.lists is None or "*" in extension.lists else extension.lists:
            chosen.update(self.windows.get(name, ()))
        subscribed = self.body.room_subscriptions.keys()
        wanted = subscribed if extension.rooms is None or "*" in extension.rooms else subscribed & set(extension.rooms)
        return {n: room_id for n, room_id in self.rooms.items() if n in chosen or room_id in wanted}


class SlidingExtensions:
    def __init__(self, modules: SyncModules) -> None:
        self._modules = modules

    async def of(self, c: ExtensionContext) -> tuple[dict[str, Any], bool]:
        """(the answer's `extensions`, whether there is news in them)."""
        wanted: Extensions = c.body.extensions
        answer: dict[str, Any] = {}
        news = False
        if wanted.to_device.enabled:
            answer["to_device"], news = await self._to_device(c)
        if wanted.e2ee.enabled:
            answer[E2EE], has = await self._e2ee(c)
            news = news or has
        for name, extension, method in (
            (ACCOUNT_DATA, wanted.account_data, self._account_data), (RECEIPTS, wanted.receipts, self._receipts),
            (TYPING, wanted.typing, self._typing),
        ):  # fmt: skip
            if extension.enabled and (found := await method(c, extension)):
                answer[name], news = found, True
        if wanted.thread_subscriptions.enabled and (found := await self._threads(c)):
            answer["io.element.msc4308.thread_subscriptions"], news = found, True
        return answer, news

    @staticmethod
    def enabled(wanted: Extensions) -> frozenset[str]:
        flags = {
            ACCOUNT_DATA: wanted.account_data.enabled, RECEIPTS: wanted.receipts.enabled, TYPING: wanted.typing.enabled,
            E2EE: wanted.e2ee.enabled, THREADS: wanted.thread_subscriptions.enabled,
        }  # fmt: skip
        return frozenset(name for name, on in flags.items() if on)

    async def _to_device(self, c: ExtensionContext) -> tuple[dict[str, Any], bool]:
        wanted = c.body.extensions.to_device
        cursor = 0
        if wanted.since:
            match = _CURSOR.fullmatch(wanted.since)
            if match is None:
                raise BadRequest("This is not a to-device token of this server", "M_INVALID_PARAM")
            cursor = int(match[1])
        is_news = c.start.serial == 0 or c.changes.concern_me("to_device")
        inbox = await self._modules.to_device.receive(c.user_id, c.device_id, cursor, is_news, max(1, wanted.limit))
        answer: dict[str, Any] = {"next_batch": f"d{inbox.cursor}"}
        if inbox.messages:
            answer["events"] = orjson.Fragment(b"[%b]" % b",".join(inbox.messages))
        return answer, bool(inbox.messages)

    async def _e2ee(self, c: ExtensionContext) -> tuple[dict[str, Any], bool]:
        counts, unused = await self._modules.keys.counts(c.user_id, c.device_id)
        answer: dict[str, Any] = {"device_one_time_keys_count": counts, "device_unused_fallback_key_types": unused}
        news = c.changes.known and c.changes.concern_me("key_counts")
        if (since := c.since(E2EE)) > 0:
            changed, left = await self._modules.device_lists.since(c.user_id, c.memberships, since, c.upto, c.changes)
            if changed or left:
                answer["device_lists"], news = {"changed": changed, "left": left}, True
        return answer, news

    async def _account_data(self, c: ExtensionContext, extension: Extension) -> dict[str, Any]:
        since, module = c.since(ACCOUNT_DATA), self._modules.account_data
        rooms = c.of(extension)
        own: list[Any] = []
        by_room: dict[str, list[Any]] = {}
        if since == 0 or c.changes.concern_me("account_data"):
            known = {room_id for n, room_id in rooms.items() if n not in c.fresh}
            rules_changed = since == 0
            for row in await module.changed(c.user_id, since, c.upto):
                if row["room_id"] == GLOBAL and row["type"] == "m.push_rules":
                    rules_changed = True
                elif row["room_id"] == GLOBAL:
                    if since > 0 or row["content"] != b"{}":
                        own.append(_event(row))
                elif row["room_id"] in known and since > 0:
                    by_room.setdefault(row["room_id"], []).append(_event(row))
            if rules_changed:
                rules = await self._modules.push_rules.rules(c.user_id)
                own.append({"type": "m.push_rules", "content": {"global": rules}})
        fresh = [room_id for n, room_id in rooms.items() if n in c.fresh or since == 0 or n not in c.start.relevant]
        for row in await module.of_rooms(c.user_id, fresh) if fresh else ():
            by_room.setdefault(row["room_id"], []).append(_event(row))
        answer: dict[str, Any] = {"global": own} if own else {}
        if by_room:
            answer["rooms"] = by_room
        return answer

    async def _receipts(self, c: ExtensionContext, extension: Extension) -> dict[str, Any]:
        rooms, since = c.of(extension), c.since(RECEIPTS)
        late = [n for n in rooms if n in c.fresh or since == 0 or n not in c.start.relevant]
        touched = [
            n for n in rooms if n not in late and (
                not c.changes.known or {"receipts", "private_receipts", "*"} & c.changes.rooms.get(n, set()))
        ]  # fmt: skip
        found: dict[str, Any] = {}
        for number, rows in (
            (await self._modules.receipts.changed(c.user_id, touched, since, c.upto)).items() if touched else ()
        ):
            found[rooms[number]] = {"type": "m.receipt", "content": receipt_content(rows)}
        for number, rows in (await self._modules.receipts.for_latest(c.user_id, late, c.upto)).items() if late else ():
            found[rooms[number]] = {"type": "m.receipt", "content": receipt_content(rows)}
        return {"rooms": found} if found else {}

    async def _typing(self, c: ExtensionContext, extension: Extension) -> dict[str, Any]:
        rooms, typing = c.of(extension), self._modules.typing
        changed = set(typing.changed_since(c.start.typing)) if TYPING in c.start.extensions else set()
        found = {}
        for number in rooms:
            is_late = number in c.fresh or TYPING not in c.start.extensions or number not in c.start.relevant
            users = typing.users(number)
            if number in changed or (is_late and users):
                found[rooms[number]] = {"type": "m.typing", "content": {"user_ids": users}}
        return {"rooms": found} if found else {}

    async def _threads(self, c: ExtensionContext) -> dict[str, Any]:
        since = c.since(THREADS)
        if since > 0 and not c.changes.concern_me(THREADS):
            return {}
        limit = min(max(1, c.body.extensions.thread_subscriptions.limit), MAX_THREADS)
        found, more = await self._modules.threads.changed(c.user_id, since, c.upto, limit)
        answer = subscriptions_answer(found)
        if more:
            answer["prev_batch"] = position_token(found[-1].position - 1)
        return answer


def _event(row: Any) -> dict[str, Any]:
    return {"type": row["type"], "content": orjson.Fragment(row["content"])}
