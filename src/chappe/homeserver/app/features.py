"""The parts of a node, one per feature, read top-down. `wiring` in `app/parts.py` still makes what is not a part yet.

The order says in which order sync asks the sections: presence after the device lists, which find who has come to share a room.
"""

from __future__ import annotations

from chappe.homeserver.modules.account_data import part as account_data
from chappe.homeserver.modules.administration import part as administration
from chappe.homeserver.modules.appservices import part as appservices
from chappe.homeserver.modules.bots import part as bots
from chappe.homeserver.modules.delayed_events import part as delayed_events
from chappe.homeserver.modules.end_to_end_encryption import part as end_to_end_encryption
from chappe.homeserver.modules.filters import part as filters
from chappe.homeserver.modules.identity_service import part as identity_service
from chappe.homeserver.modules.openid import part as openid
from chappe.homeserver.modules.presence import part as presence
from chappe.homeserver.modules.push import part as push
from chappe.homeserver.modules.receipts import part as receipts
from chappe.homeserver.modules.relations import part as relations
from chappe.homeserver.modules.reporting import part as reporting
from chappe.homeserver.modules.room_directory import part as room_directory
from chappe.homeserver.modules.search import part as search
from chappe.homeserver.modules.spaces import part as spaces
from chappe.homeserver.modules.threads import part as threads
from chappe.homeserver.modules.to_device import part as to_device
from chappe.homeserver.modules.typing import part as typing
from chappe.homeserver.modules.url_previews import part as url_previews
from chappe.homeserver.modules.user_directory import part as user_directory
from chappe.homeserver.modules.voip import part as voip
from chappe.homeserver.part import Part
from chappe.homeserver.sync import part as sync

HOMESERVER: tuple[Part, ...] = (
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
    delayed_events.PART,
    reporting.PART,
    url_previews.PART,
    voip.PART,
    # what is found
    room_directory.PART,
    spaces.PART,
    search.PART,
    user_directory.PART,
    # whom others may trust
    openid.PART,
    identity_service.PART,
    # what leaves the server
    push.PART,
    bots.PART,
    appservices.PART,
    # what administrators see
    administration.PART,
)
