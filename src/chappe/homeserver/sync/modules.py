"""The modules that both kinds of sync ask for changes."""

from __future__ import annotations

from dataclasses import dataclass

from chappe.homeserver.modules.account_data import AccountData
from chappe.homeserver.modules.end_to_end_encryption.keys import DeviceKeys
from chappe.homeserver.modules.ignored_users import IgnoredUsers
from chappe.homeserver.modules.presence import Presence
from chappe.homeserver.modules.push.counts import UnreadCounts
from chappe.homeserver.modules.push.rules import PushRules
from chappe.homeserver.modules.receipts import Receipts
from chappe.homeserver.modules.relations import Relations
from chappe.homeserver.modules.threads import ThreadSubscriptions
from chappe.homeserver.modules.to_device import ToDevice
from chappe.homeserver.modules.typing import Typing
from chappe.homeserver.sync.device_lists import DeviceLists


@dataclass(slots=True)
class SyncModules:
    account_data: AccountData
    receipts: Receipts
    typing: Typing
    to_device: ToDevice
    keys: DeviceKeys
    push_rules: PushRules
    counts: UnreadCounts
    relations: Relations
    threads: ThreadSubscriptions
    ignored_users: IgnoredUsers
    device_lists: DeviceLists
    presence: Presence
