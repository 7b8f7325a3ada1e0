"""What a commit writes of encryption keys: device keys, cross-signing keys, their signatures, and whose list of devices has changed."""

from __future__ import annotations

from chappe.homeserver.database.rows import Row
from chappe.homeserver.database.shared_rows import DeviceListChangeRow
from chappe.homeserver.database.writing_function import Consequence, Fragment


class DeviceKeysRow(Row):
    who: str
    device: str
    keys: bytes


class CrossSigningRow(Row):
    who: str
    usage: str
    key: bytes


class KeySignatureRow(Row):
    who: str
    target: str
    signer: str
    signer_key: str
    signature: str


CONSEQUENCE = Consequence(  # what a device has published goes with it
    "devices_removed",
    """
    FOR r IN SELECT * FROM unnest(devices_removed_rows) LOOP
        DELETE FROM device_keys WHERE user_id = r.who AND device_id = r.device;
        DELETE FROM one_time_keys WHERE user_id = r.who AND device_id = r.device;
        DELETE FROM fallback_keys WHERE user_id = r.who AND device_id = r.device;
        DELETE FROM key_signatures WHERE user_id = r.who AND target = r.device;
    END LOOP;""",
)
FRAGMENTS = (
    Fragment(
        "device_list_changes",
        DeviceListChangeRow,
        """
        INSERT INTO device_list_changes (user_id, position, changed_ts)
        SELECT c.who, upto, (extract(epoch FROM clock_timestamp()) * 1000)::bigint
          FROM (SELECT DISTINCT d.who FROM unnest(device_list_changes_rows) d WHERE d._lane <> ALL (bad)) c
        ON CONFLICT (user_id) DO UPDATE SET position = excluded.position, changed_ts = excluded.changed_ts;""",
    ),
    Fragment(
        "device_keys",
        DeviceKeysRow,
        """
        FOR r IN SELECT * FROM unnest(device_keys_rows) LOOP
            INSERT INTO device_keys VALUES (r.who, r.device, r.keys)
            ON CONFLICT (user_id, device_id) DO UPDATE SET keys = excluded.keys;
        END LOOP;""",
    ),
    Fragment(
        "cross_signing",
        CrossSigningRow,
        """
        FOR r IN SELECT * FROM unnest(cross_signing_rows) LOOP
            INSERT INTO cross_signing_keys VALUES (r.who, r.usage, r.key)
            ON CONFLICT (user_id, usage) DO UPDATE SET key = excluded.key;
        END LOOP;""",
    ),
    Fragment(
        "key_signatures",
        KeySignatureRow,
        """
        FOR r IN SELECT * FROM unnest(key_signatures_rows) LOOP
            INSERT INTO key_signatures VALUES (r.who, r.target, r.signer,
                                               r.signer_key, r.signature)
            ON CONFLICT (user_id, target, signer, signer_key) DO UPDATE SET signature = excluded.signature;
        END LOOP;""",
    ),
)
