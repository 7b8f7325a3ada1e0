"""The parts of a node, one per feature, read top-down.

The order says in which order sync asks the sections: presence after the device lists, which find who has come to share a room.
"""

from __future__ import annotations

from chappe.homeserver.accounts import part as accounts
from chappe.homeserver.api.federation import part as server_server_api
from chappe.homeserver.api.pages import part as pages
from chappe.homeserver.api.web import part as web_client
from chappe.homeserver.database import part as database
from chappe.homeserver.modules.account_data import part as account_data
from chappe.homeserver.modules.administration import part as administration
from chappe.homeserver.modules.appservices import part as appservices
from chappe.homeserver.modules.bots import part as bots
from chappe.homeserver.modules.calls import part as calls
from chappe.homeserver.modules.critical_acts import part as critical_acts
from chappe.homeserver.modules.delayed_events import part as delayed_events
from chappe.homeserver.modules.end_to_end_encryption import part as end_to_end_encryption
from chappe.homeserver.modules.filters import part as filters
from chappe.homeserver.modules.identity_service import part as identity_service
from chappe.homeserver.modules.ignored_users import part as ignored_users
from chappe.homeserver.modules.key_backup import part as key_backup
from chappe.homeserver.modules.media import part as media
from chappe.homeserver.modules.openid import part as openid
from chappe.homeserver.modules.orders import part as orders
from chappe.homeserver.modules.presence import part as presence
from chappe.homeserver.modules.push import part as push
from chappe.homeserver.modules.receipts import part as receipts
from chappe.homeserver.modules.relations import part as relations
from chappe.homeserver.modules.reporting import part as reporting
from chappe.homeserver.modules.room_directory import part as room_directory
from chappe.homeserver.modules.room_purges import part as room_purges
from chappe.homeserver.modules.sealed_index import part as sealed_index
from chappe.homeserver.modules.search import part as search
from chappe.homeserver.modules.server_notices import part as server_notices
from chappe.homeserver.modules.spaces import part as spaces
from chappe.homeserver.modules.third_party_invites import part as third_party_invites
from chappe.homeserver.modules.threads import part as threads
from chappe.homeserver.modules.to_device import part as to_device
from chappe.homeserver.modules.typing import part as typing
from chappe.homeserver.modules.url_previews import part as url_previews
from chappe.homeserver.modules.user_directory import part as user_directory
from chappe.homeserver.modules.voip import part as voip
from chappe.homeserver.outbound import part as outbound
from chappe.homeserver.outbound.federation import part as other_servers
from chappe.homeserver.part import Part
from chappe.homeserver.policy import part as policy
from chappe.homeserver.rooms import part as rooms
from chappe.homeserver.rooms.remote import part as rooms_across_servers
from chappe.homeserver.senders.federation import part as federation
from chappe.homeserver.sync import part as sync

HOMESERVER: tuple[Part, ...] = (
    # what everything stands on
    database.PART,
    policy.PART,
    outbound.PART,
    other_servers.PART,
    # people and rooms
    accounts.PART,
    critical_acts.PART,
    ignored_users.PART,
    rooms.PART,
    rooms_across_servers.PART,
    third_party_invites.PART,
    # what sync tells of
    account_data.PART,
    to_device.PART,
    end_to_end_encryption.PART,
    presence.PART,
    receipts.PART,
    typing.PART,
    threads.PART,
    sync.PART,
    filters.PART,
    # rooms and what is said in them
    relations.PART,
    media.PART,
    delayed_events.PART,
    reporting.PART,
    url_previews.PART,
    voip.PART,
    calls.PART,
    key_backup.PART,
    room_purges.PART,
    # what is found
    room_directory.PART,
    spaces.PART,
    search.PART,
    sealed_index.PART,
    user_directory.PART,
    # whom others may trust
    openid.PART,
    identity_service.PART,
    # what leaves the server
    federation.PART,
    server_server_api.PART,
    orders.PART,
    push.PART,
    bots.PART,
    appservices.PART,
    # what administrators see, and say
    administration.PART,
    server_notices.PART,
    # what people see
    pages.PART,
    web_client.PART,
)
