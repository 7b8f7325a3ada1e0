"""How much anybody may ask for: rates, and shares of memory, disk and connections."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from chappe.config.values import Positive


class Limit(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    per_second: Annotated[float, Meta(gt=0)]
    burst: Positive


class Limits(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    message: Limit = Limit(10, 100)
    join: Limit = Limit(1, 30)
    invite: Limit = Limit(1, 50)
    invited: Limit = Limit(0.02, 30)  # one person, by all the people of another server
    invited_from: Limit = Limit(5, 500)  # anybody, by one other server
    files_by_strangers: Limit = Limit(0.1, 250)  # by a server, of people with whom it shares no room
    create_room: Limit = Limit(0.2, 20)
    login: Limit = Limit(0.5, 20)
    failed_login: Limit = Limit(0.1, 10)  # wrong guesses at a secret: at one account from one network
    failed_login_account: Limit = Limit(0.05, 100)  # at one account, from everywhere
    failed_login_network: Limit = Limit(0.5, 100)  # from one network, at whatever
    register: Limit = Limit(0.2, 10)
    upload: Limit = Limit(5, 50)
    keys: Limit = Limit(20, 200)
    account: Limit = Limit(1, 30)
    search: Limit = Limit(2, 30)
    delayed_events: Limit = Limit(2, 60)
    url_preview: Limit = Limit(1, 30)
    email: Limit = Limit(0.05, 5)
    rendezvous: Limit = Limit(1, 30)
    oauth: Limit = Limit(2, 60)
    webhook: Limit = Limit(1, 30)
    webhook_address: Limit = Limit(5, 100)
    lookup: Limit = Limit(0.5, 3000)
    lookup_from: Limit = Limit(5, 30_000)  # by all the people of another server together
    key_lookup: Limit = Limit(1, 30)
    to_device: Limit = Limit(20, 400)
    failed_federation: Limit = Limit(1, 60)


LIMITS = """\
# [limits.message]                   # also: join, invite, invited, invited_from (by another server),
                                   # files_by_strangers (by another server), create_room, login, failed_login,
                                   # failed_login_account, failed_login_network, register, upload, keys, account, search,
                                   # delayed_events, url_preview, email, rendezvous, oauth, webhook, webhook_address, to_device,
                                   # failed_federation,
                                   # key_lookup, lookup and lookup_from (of so many addresses, not requests; the
                                   # latter by all the people of another server)
# per_second = 10
# burst = 100
"""


class Shares(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What one device or account may have, so that there is enough for all. Docs: operator.md, "Shares"."""

    waiting_syncs_per_device: Positive = 4
    waiting_syncs_per_account: Positive = 50
    waiting_syncs: Positive = 50_000
    unread_mib_per_account: Positive = 64
    unread_mib: Positive = 1024
    upload_mib_per_day: Annotated[int, Meta(ge=0)] = 5120
    upload_gib_per_day: Annotated[int, Meta(ge=0)] = 0
    disk_reserve_mib: Annotated[int, Meta(ge=0)] = 1024
    devices: Positive = 1000
    to_device_messages: Positive = 20_000
    to_device_mib: Positive = 200
    account_data_mib: Positive = 50
    filters: Positive = 1000


SHARES = """\
[shares]                             # what one device or account may have, so that there is enough for all
# waiting_syncs_per_device = 4       # requests that wait for news; beyond, the longest waiting is answered
# waiting_syncs_per_account = 50
# waiting_syncs = 50000              # of everybody, on each node
# unread_mib_per_account = 64        # large answers that the client has not taken yet
# unread_mib = 1024                  # of everybody, on each node
# upload_mib_per_day = 5120          # of an account; 0: any amount
# upload_gib_per_day = 0             # of everybody; 0: any amount
# disk_reserve_mib = 1024            # uploads are refused while less is free, so that messages can still be written
# devices = 1000                     # of an account: beyond, the one that was used longest ago is signed out
# to_device_messages = 20000         # waiting for a device: beyond, the oldest go
# to_device_mib = 200                # the same in MiB
# account_data_mib = 50              # settings of clients, of an account
# filters = 1000                     # of an account
"""
