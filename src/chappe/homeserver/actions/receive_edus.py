"""What other servers tell beside events: typing, receipts, presence, messages to devices, changed devices (EDUs).

Each is taken only for users of the server that sends it; what is malformed, or of a room it is not in, is passed over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from chappe.homeserver.actions.early_receipts import EarlyReceipts, RemoteReceipt
from chappe.homeserver.database.pool import BAD_DATA
from chappe.homeserver.modules.end_to_end_encryption.keys import DeviceKeys
from chappe.homeserver.modules.end_to_end_encryption.remote_devices import RemoteDevices
from chappe.homeserver.modules.presence.presence import Presence
from chappe.homeserver.modules.receipts.receipts import READ, UNTHREADED
from chappe.homeserver.modules.to_device.to_device import ToDevice
from chappe.homeserver.modules.typing.typing import Typing
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.rooms import MEMBER, Rooms
from chappe.homeserver.rooms.server_acl import require_allowed_by_acl
from chappe.matrix.canonical_json import check_canonical
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import UserId, domain_of, is_compliant, is_user_id

log = logging.getLogger(__name__)
TYPING_MS = 30_000
MOST_RECIPIENTS = 1000
MOST_ID = 255


class ReceiveEdus:
    def __init__(
        self,
        rooms: Rooms,
        typing: Typing,
        receipts: EarlyReceipts,
        presence: Presence,
        to_device: ToDevice,
        keys: DeviceKeys,
        devices: RemoteDevices,
    ) -> None:
        self._rooms, self._typing, self._receipts, self._presence = rooms, typing, receipts, presence
        self._to_device, self._keys, self._devices = to_device, keys, devices
        self._by_type: dict[str, Callable[[str, dict[str, Any]], Awaitable[None]]] = {
            "m.typing": self._take_typing,
            "m.receipt": self._take_receipts,
            "m.presence": self._take_presence,
            "m.direct_to_device": self._take_to_device,
            "m.device_list_update": self._take_device_list,
            "m.signing_key_update": self._take_device_list,
            "org.matrix.signing_key_update": self._take_device_list,
        }

    async def __call__(self, origin: str, edus: list[Any]) -> None:
        """Returns once what must not be lost is durable. Raises only where the database is away."""
        kinds: dict[object, list[Any]] = {}
        for edu in edus:
            kinds.setdefault(str(edu.get("edu_type")) if type(edu) is dict else None, []).append(edu)
        await asyncio.gather(*(self._take_in_order(origin, of_kind) for of_kind in kinds.values()))

    async def _take_in_order(self, origin: str, edus: list[Any]) -> None:
        """Messages to devices build on each other."""
        for edu in edus:
            await self._take(origin, edu)

    async def _take(self, origin: str, edu: Any) -> None:
        content = edu.get("content") if type(edu) is dict else None
        taker = self._by_type.get(str(edu.get("edu_type"))) if type(edu) is dict else None
        if taker is None or type(content) is not dict:
            return
        try:
            check_canonical(content)
            await taker(origin, content)
        except (MatrixError, *BAD_DATA) as error:
            log.info("an EDU was passed over", extra={"fields": {"origin": origin, "why": str(error)[:200]}})

    async def _room(self, origin: str, room_id: object) -> LiveRoom | None:
        room = await self._rooms.live.find(room_id) if type(room_id) is str else None
        if room is not None:
            require_allowed_by_acl(room, origin)
            self._rooms.servers.require_may_enter(origin, room)
        return room

    async def _take_typing(self, origin: str, content: dict[str, Any]) -> None:
        room, user = await self._room(origin, content.get("room_id")), content.get("user_id")
        if room is not None and type(user) is str and _may_tell(user, origin) and _is_in(room, user, origin):
            self._typing.set(room.nid, user, TYPING_MS if content.get("typing") is True else 0)

    async def _take_receipts(self, origin: str, content: dict[str, Any]) -> None:
        for room_id, by_type in content.items():
            try:
                room = await self._room(origin, room_id)
            except MatrixError:  # of the other rooms they are taken
                continue
            users = by_type.get(READ) if type(by_type) is dict else None
            if room is None or type(users) is not dict:
                continue
            for user, receipt in users.items():
                if _may_tell(user, origin) and _is_in(room, user, origin) and type(receipt) is dict:
                    await self._take_receipt(room, user, receipt)

    async def _take_receipt(self, room: LiveRoom, user: str, receipt: dict[str, Any]) -> None:
        ids, data = receipt.get("event_ids"), receipt.get("data")
        data = data if type(data) is dict else {}
        thread, ts = data.get("thread_id", UNTHREADED), data.get("ts")
        if type(ids) is not list or not ids or type(ids[0]) is not str or type(thread) is not str:
            return
        if max(len(ids[0]), len(thread)) > MOST_ID:
            return
        when = ts if type(ts) is int and ts >= 0 else self._rooms.now_ms()
        await self._receipts.take(room, RemoteReceipt(user, thread, ids[0], when))

    async def _take_presence(self, origin: str, content: dict[str, Any]) -> None:
        push = content.get("push")
        for entry in push if type(push) is list else ():
            user = entry.get("user_id") if type(entry) is dict else None
            if is_user_id(user) and _may_tell(str(user), origin) and await self._rooms.memberships.joined(str(user)):
                await self._presence.set_remote(str(user), entry)

    async def _take_to_device(self, origin: str, content: dict[str, Any]) -> None:
        sender, kind, messages = content.get("sender"), content.get("type"), content.get("messages")
        message_id = content.get("message_id")
        if not is_user_id(sender) or domain_of(str(sender)) != origin or type(messages) is not dict:
            return
        if type(kind) is not str or type(message_id) is not str or len(messages) > MOST_RECIPIENTS:
            return
        mine = {u: m for u, m in messages.items() if is_user_id(u) and self._hears(u, origin) and type(m) is dict}
        mine = {u: {d: c for d, c in m.items() if type(c) is dict} for u, m in mine.items()}
        reached = await self._rooms.sight.reached_from(UserId(str(sender)), kind, mine)
        mine = {user: mine[user] for user in reached}
        if mine:
            devices = await self._keys.device_ids(mine)
            await self._to_device.send(str(sender), kind, mine, devices, f"edu\x1f{origin}\x1f{message_id[:100]}")

    def _hears(self, user: str, origin: str) -> bool:
        """Whether somebody is of a domain of here that talks to the server: it may have written to a neighbour that does."""
        return self._rooms.is_hosted(user) and self._rooms.servers.may_share_room(origin, domain_of(user))

    async def _take_device_list(self, origin: str, content: dict[str, Any]) -> None:
        user = content.get("user_id")
        if is_user_id(user) and domain_of(str(user)) == origin:
            await self._devices.changed(str(user))


def _is_in(room: LiveRoom, user: str, origin: str) -> bool:
    """Whether somebody is in a room, as far as is known: until all its members are here, its servers say who is."""
    is_unknown = origin in room.partial_servers and (MEMBER, user) not in room.state
    return user in room.joined or is_unknown


def _may_tell(user: str, origin: str) -> bool:
    """Whether the server speaks for its own, and clients are told of such a user beside events."""
    return domain_of(user) == origin and is_compliant(user)
