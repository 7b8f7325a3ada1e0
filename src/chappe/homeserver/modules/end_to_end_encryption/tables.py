"""The tables of `homeserver.modules.end_to_end_encryption`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_USER, Table

TABLES = (
    Table(
        "homeserver.modules.end_to_end_encryption",
        "cross_signing_keys",
        rows=OF_USER,
        person=("user_id",),
        not_in_package="keys that devices have made, not facts about the person",
        kept="others compare what they know of the person with it",
        readers=("homeserver.senders.federation",),
    ),
    Table(
        "homeserver.modules.end_to_end_encryption",
        "device_keys",
        rows=OF_USER,
        person=("user_id",),
        not_in_package="keys that devices have made, not facts about the person",
        erased=True,
        readers=(
            "homeserver.accounts",
            "homeserver.senders.appservices",
        ),
    ),
    Table(
        "homeserver.modules.end_to_end_encryption",
        "device_list_changes",
        rows=OF_USER,
        person=("user_id",),
        not_in_package="positions of the log, not facts about the person",
        kept="tells others that the devices are gone",
        readers=(
            "homeserver.senders.appservices",
            "homeserver.senders.federation",
        ),
    ),
    Table(
        "homeserver.modules.end_to_end_encryption",
        "fallback_keys",
        rows=OF_USER,
        person=("user_id",),
        not_in_package="keys that devices have made, not facts about the person",
        erased=True,
        readers=(
            "homeserver.accounts",
            "homeserver.senders.appservices",
        ),
    ),
    Table(
        "homeserver.modules.end_to_end_encryption",
        "key_signatures",
        rows=OF_USER,
        person=(
            "user_id",
            "signer",
        ),
        not_in_package="keys that devices have made, not facts about the person",
        kept="others compare what they know of the person with it",
        readers=("homeserver.accounts",),
    ),
    Table(
        "homeserver.modules.end_to_end_encryption",
        "one_time_keys",
        rows=OF_USER,
        person=("user_id",),
        not_in_package="keys that devices have made, not facts about the person",
        erased=True,
        readers=(
            "homeserver.accounts",
            "homeserver.senders.appservices",
        ),
    ),
    Table(
        "homeserver.modules.end_to_end_encryption",
        "remote_cross_signing_keys",
        stays="fetched anew",
        person=("user_id",),
        not_in_package="people of other servers",
        kept="people of other servers",
    ),
    Table(
        "homeserver.modules.end_to_end_encryption",
        "remote_device_lists",
        stays="fetched anew",
        person=("user_id",),
        not_in_package="people of other servers",
        kept="people of other servers",
    ),
    Table(
        "homeserver.modules.end_to_end_encryption",
        "remote_devices",
        stays="fetched anew",
        person=("user_id",),
        not_in_package="people of other servers",
        kept="people of other servers",
    ),
    Table(
        "homeserver.modules.end_to_end_encryption",
        "claimed_keys",
        stays="lasts days",
        person=("user_id",),
        not_in_package="lasts days, holds no key",
        erased=True,
    ),
)
