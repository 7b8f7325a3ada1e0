"""Server notices as a part of a node."""

from __future__ import annotations

from chappe.config import Config
from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.actions.server_notices import ServerNotices
from chappe.homeserver.actions.tell_of_time import TellOfTime
from chappe.homeserver.modules.account_data.account_data import AccountData
from chappe.homeserver.modules.server_notices.server_notices import NoticeRooms
from chappe.homeserver.modules.server_notices.tables import TABLES
from chappe.homeserver.part import Part
from chappe.homeserver.rooms.create_room import RoomCreation
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.rooms import Rooms


def server_notices(
    accounts: Accounts,
    rooms: Rooms,
    creation: RoomCreation,
    membership: MembershipChanges,
    account_data: AccountData,
    notice_rooms: NoticeRooms,
    config: Config,
) -> ServerNotices:
    name, account, invited = config.server_notices_name, config.server_notices_account, config.server_notices_by_invitation
    return ServerNotices(accounts, rooms, creation, membership, account_data, notice_rooms, name, account, invited)


PART = Part("server notices", gives=(NoticeRooms, server_notices, TellOfTime), tables=TABLES)
