"""Server notices (client-server API, "Server Notices"): what the service tells a user, in a room made for that.

The user is in that room without being asked, as an invitation would have to be accepted before the notice can be read; or invited,
where the installation has it so.
"""

from __future__ import annotations

from contextlib import suppress

from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.modules.account_data.account_data import AccountData
from chappe.homeserver.modules.server_notices.server_notices import NoticeRooms
from chappe.homeserver.rooms.create_room import CreateRoomRequest, RoomCreation
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import Forbidden, NotFound
from chappe.matrix.identifiers import UserId, domain_of

TAG = "m.server_notice"


class ServerNotices:
    """`name`: what the sender and the rooms are called; `account`: the sender's localpart."""

    def __init__(
        self,
        accounts: Accounts,
        rooms: Rooms,
        creation: RoomCreation,
        membership: MembershipChanges,
        account_data: AccountData,
        notice_rooms: NoticeRooms,
        name: str,
        account: str,
        by_invitation: bool,
    ) -> None:
        self._accounts, self._rooms, self._creation, self._membership = accounts, rooms, creation, membership
        self._account_data, self._notice_rooms, self._name = account_data, notice_rooms, name
        self.account, self._by_invitation = account, by_invitation

    async def send(self, user_id: UserId, text: str, admin_contact: str | None = None, once: str | None = None) -> str:
        """Returns the notice's event id. A user who has left the room is brought back. Raises M_NOT_FOUND.

        `once`: names the notice, so that the user gets it once however often it is sent.
        """
        user = await self._accounts.store.find_user(user_id)
        if user is None or user.deactivated:
            raise NotFound(f"There is no account {user_id}")
        sender = await self._sender(domain_of(user_id))
        room_id = await self._room(sender, user_id)
        await self._bring_in(sender, user_id, room_id)
        content = {"msgtype": "m.server_notice", "body": text, "server_notice_type": "chappe.notice"}
        if admin_contact is not None:
            content["admin_contact"] = admin_contact
        txn = None if once is None else "\x1f".join((sender, user_id, once))
        return await self._rooms.send(sender, room_id, "m.room.message", content, txn)

    async def _sender(self, server_name: str) -> UserId:
        sender = UserId(f"@{self.account}:{server_name}")
        if await self._accounts.store.find_user(sender) is None:
            await self._accounts.register(sender, None, display_name=self._name)
        return sender

    async def _room(self, sender: UserId, user_id: UserId) -> str:
        known = await self._notice_rooms.find(user_id)
        if known is not None and (await self._rooms.require(known)).membership(sender) == "join":
            return known  # else it is another sender's, from before a change of the settings
        request = CreateRoomRequest(
            preset="private_chat",
            name=self._name,
            invite=[user_id],
            power_level_content_override={"events_default": 50, "invite": 100},
        )
        room_id = await self._creation.create(sender, request)
        await self._account_data.set_tag(user_id, room_id, TAG, {})
        return await self._notice_rooms.remember(user_id, room_id, known)

    async def _bring_in(self, sender: UserId, user_id: UserId, room_id: str) -> None:
        membership = (await self._rooms.require(room_id)).membership(user_id)
        if membership not in ("join", "invite"):
            with suppress(Forbidden):  # they are in by now, or banned: the notice waits for them there
                await self._membership.invite(sender, room_id, user_id, {})
        if membership != "join" and not self._by_invitation:
            with suppress(Forbidden):  # where the rules of the installation are against it, the invitation stays
                await self._membership.join(user_id, room_id)
