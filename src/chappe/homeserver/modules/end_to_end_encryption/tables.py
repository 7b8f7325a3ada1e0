"""The tables of `homeserver.modules.end_to_end_encryption`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import KEYS, OF_OTHERS, OF_USER, USER, Table, alike

OWNER = "homeserver.modules.end_to_end_encryption"
TABLES = (
    Table(
        OWNER,
        "cross_signing_keys",
        rows=OF_USER,
        person=USER,
        not_in_package=KEYS,
        kept="others compare what they know of the person with it",
        readers=("homeserver.senders.federation",),
    ),
    *alike(
        Table(OWNER, rows=OF_USER, person=USER, not_in_package=KEYS, erased=True, readers=("homeserver.senders.appservices",)),
        "device_keys",
        "fallback_keys",
        "one_time_keys",
    ),
    Table(
        OWNER,
        "device_list_changes",
        rows=OF_USER,
        person=USER,
        not_in_package="positions of the log, not facts about the person",
        kept="tells others that the devices are gone",
        readers=("homeserver.senders.appservices", "homeserver.senders.federation"),
    ),
    Table(
        OWNER,
        "key_signatures",
        rows=OF_USER,
        person=("user_id", "signer"),
        not_in_package=KEYS,
        kept="others compare what they know of the person with it",
    ),
    *alike(
        Table(OWNER, stays="fetched anew", person=USER, not_in_package=OF_OTHERS, kept=OF_OTHERS),
        "remote_cross_signing_keys",
        "remote_device_lists",
        "remote_devices",
    ),
    Table(OWNER, "claimed_keys", stays="lasts days", person=USER, not_in_package="lasts days, holds no key", erased=True),
)
