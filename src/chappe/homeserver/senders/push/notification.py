"""What a notification says: to a push gateway (Push Gateway API), to a browser, in a mail."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.push.counts import HidesInvitation, UnreadCounts
from chappe.homeserver.modules.push.pushers import decode
from chappe.homeserver.modules.push.store import Pusher, PushQueue, WaitingPush
from chappe.homeserver.outbound.mail.letters import named
from chappe.homeserver.outbound.mail.queue import Mail, MailQueue
from chappe.homeserver.outbound.web_push import ROOM, Vapid, encrypt
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.rooms import Rooms
from chappe.i18n import counted
from chappe.matrix.identifiers import domain_of

MEMBER = "m.room.member"
REMEMBERED = 20_000
LINES, LINE = 10, 200
UNREAD_FR, UNREAD_EN = (
    ("{count} message non lu", "{count} messages non lus"),
    ("{count} unread message", "{count} unread messages"),
)


@dataclass(slots=True)
class PushNotification:
    """What one pusher is told. `room`, `event`: None where only the number of unread messages has changed."""

    unread: int
    room: LiveRoom | None = None
    event: RoomEvent | None = None
    tweaks: dict[str, Any] = field(default_factory=dict)

    def for_gateway(self, pusher: Pusher) -> dict[str, Any]:
        data = orjson.loads(pusher.data)
        device = {
            "app_id": pusher.app_id,
            "pushkey": pusher.pushkey,
            "pushkey_ts": pusher.created_ts // 1000,
            "data": {k: v for k, v in data.items() if k != "url"},
            "tweaks": self.tweaks,
        }
        return {**self.content(pusher.user_id, data.get("format") == "event_id_only"), "devices": [device]}

    def content(self, user_id: str, only_ids: bool) -> dict[str, Any]:
        found: dict[str, Any] = {"counts": {"unread": self.unread}}
        room, event = self.room, self.event
        if room is None or event is None:
            return {**found, "prio": "low"} if not only_ids else found
        found |= {"event_id": event.event_id, "room_id": room.room_id, "prio": self.priority}
        if only_ids:
            return found
        # COMPAT: `id` is what the event's id was called first; gateways of old programs read it
        found |= {"id": event.event_id, "type": event.type, "sender": event.sender, "content": event.content}
        if event.state_key is not None:
            found["user_is_target"] = event.state_key == user_id
        name = _state(room, user_id, "m.room.name", "name")
        alias = _state(room, user_id, "m.room.canonical_alias", "alias")
        sender = room.known_to(user_id, (MEMBER, event.sender))
        shown = sender.content.get("displayname") if sender is not None else None
        extra = {"room_name": name, "room_alias": alias, "sender_display_name": shown}
        return {**found, **{k: v for k, v in extra.items() if v}}

    @property
    def priority(self) -> str:
        assert self.event is not None
        rings = "sound" in self.tweaks or "highlight" in self.tweaks or self.event.type == "m.room.encrypted"
        return "high" if rings else "low"


class PushNotifications:
    def __init__(
        self, rooms: Rooms, counts: UnreadCounts, hides_invitation: HidesInvitation, vapid: Vapid, now_ms: NowMs
    ) -> None:
        self._rooms, self._counts, self._hides_invitation = rooms, counts, hides_invitation
        self._vapid, self._now_ms = vapid, now_ms
        self._badges: OrderedDict[str, dict[int, bool]] = OrderedDict()  # by user: the rooms with something unread

    async def make(self, pusher: Pusher, row: WaitingPush) -> PushNotification | None:
        """None where there is nothing to tell: it has been read, or the number is what the device shows already."""
        user_id = pusher.user_id
        unread = await self._badge(user_id, row.room_nid)
        if row.event_id == "":
            # a number that rises comes with the event that raised it, unless that must not ring
            changed = unread != pusher.badge if row.tweaks != b"{}" else unread < pusher.badge
            return PushNotification(unread) if changed else None
        room = await self._rooms.live.by_nid(row.room_nid)
        present = room.known_to(user_id, (MEMBER, user_id))
        if present is not None and present.event_id == row.event_id and present.membership == "invite":
            hidden = await self._hides_invitation(user_id, present.sender)
            return None if hidden else PushNotification(unread, room, present, orjson.loads(row.tweaks))
        event = await self._rooms.timeline.find(room, row.event_id)
        if event is not None and event.type == MEMBER and event.state_key == user_id:  # an invitation that has ended
            return None
        if event is None or event.is_redacted:
            return None
        if room.membership(user_id) == "join" and await self._counts.is_read(user_id, room, event):
            return None
        return PushNotification(unread, room, event, orjson.loads(row.tweaks))

    async def _badge(self, user_id: str, number: int) -> int:
        """Rooms with unread notifications, and the invitations that are shown. `number`: the room with news; 0: any may have some."""
        memberships = await self._rooms.memberships.of(user_id)
        joined = [m.room_nid for m in memberships.values() if m.membership == "join"]
        known = self._badges.get(user_id)
        if known is None or number == 0:
            known, wanted = {}, joined
        else:
            wanted = [n for n in joined if n == number or n not in known]
        rooms = [await self._rooms.live.by_nid(n) for n in wanted]
        for n, counts in (await self._counts.of(user_id, rooms)).items():
            known[n] = counts.total[0] > 0
        self._badges[user_id] = known
        self._badges.move_to_end(user_id)
        if len(self._badges) > REMEMBERED:
            self._badges.popitem(last=False)
        invitations = [m for m in memberships.values() if m.membership == "invite"]
        invited = [m for m in invitations if not await self._hides_invitation(user_id, m.sender)]
        return sum(known.get(n, False) for n in joined) + len(invited)

    def for_browser(self, pusher: Pusher, data: dict[str, Any], notification: PushNotification) -> tuple[bytes, dict[str, str]]:
        """(body, headers) of a Web Push message; what does not fit leaves its content out."""
        only_ids = data.get("format") == "event_id_only"
        content = notification.content(pusher.user_id, only_ids)
        message = orjson.dumps(content)
        if len(message) > ROOM:
            message = orjson.dumps(notification.content(pusher.user_id, True))
        urgency = "normal" if notification.event is None else "high" if notification.priority == "high" else "normal"
        headers = {
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": "86400",
            "Urgency": urgency,
            "Authorization": self._vapid.authorization(data["url"], self._now_ms() // 1000),
        }
        return encrypt(message, decode(pusher.pushkey), decode(data["auth"])), headers


class Digest:
    """Mails about what stays unread for a while."""

    def __init__(
        self,
        database: Database,
        notifications: PushNotifications,
        mail: MailQueue,
        accounts: AccountStore,
        delay_minutes: int,
        link_of: Callable[[str], str],
        now_ms: NowMs,
    ) -> None:
        self._database, self._notifications, self._mail, self._accounts = database, notifications, mail, accounts
        self._delay_ms, self._link_of, self._now_ms = delay_minutes * 60_000, link_of, now_ms

    def next_look(self, now: int) -> int:
        return now + min(self._delay_ms, 60_000)

    async def write(self, pusher: Pusher, rows: Sequence[WaitingPush]) -> None:
        """One mail once the oldest has waited long enough; none about what has been read meanwhile."""
        if not rows or rows[0].created_ts > self._now_ms() - self._delay_ms:
            return
        unread = [n for row in rows if (n := await self._notifications.make(pusher, row)) is not None and n.event]
        owner, mails = await self._accounts.user_by_threepid("email", pusher.pushkey), list[Mail]()
        if unread and owner == pusher.user_id:
            rooms = {n.room.room_id: _name(n.room, pusher.user_id) for n in unread if n.room is not None}
            what = ", ".join(list(rooms.values())[:3])
            lines = [_line(n, pusher.user_id, pusher.lang) for n in unread[:LINES]]
            if len(unread) > LINES:
                lines.append("…")
            server_name = domain_of(pusher.user_id)
            mails.append(
                self._mail.compose(
                    "digest",
                    pusher.pushkey,
                    server_name,
                    pusher.lang,
                    self._link_of(server_name),
                    tuple(lines),
                    unread=counted(len(unread), UNREAD_FR, UNREAD_EN),
                    what=what,
                )
            )
        ids = [row.id for row in rows]
        async with self._database.transaction() as connection:
            if await PushQueue(connection).remove(ids):  # else another process has written it, whose lease had ended meanwhile
                await self._mail.put(connection, *mails)


def _state(room: LiveRoom, user_id: str, event_type: str, key: str) -> str | None:
    event = room.known_to(user_id, (event_type, ""))
    value = event.content.get(key) if event is not None else None
    return value if type(value) is str else None


def _name(room: LiveRoom, user_id: str) -> str:
    name = _state(room, user_id, "m.room.name", "name") or _state(room, user_id, "m.room.canonical_alias", "alias")
    return name or "…"


def _line(notification: PushNotification, user_id: str, language: str) -> str:
    """Who said what; never what was encrypted."""
    room, event = notification.room, notification.event
    assert room is not None and event is not None
    sender = room.known_to(user_id, (MEMBER, event.sender))
    who = named(sender.content.get("displayname") if sender is not None else None, event.sender)
    body = event.content.get("body")
    if event.type == MEMBER:
        body = "vous invite dans ce salon" if language.startswith("fr") else "invites you to this room"
    elif event.type == "m.room.encrypted" or type(body) is not str:
        body = "message chiffré" if language.startswith("fr") else "encrypted message"
    return f"{_name(room, user_id)} – {who} : {' '.join(body.split())[:LINE]}"
