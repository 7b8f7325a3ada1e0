"""What a commit writes of accounts: the rows, and the SQL that takes them. Devices: `session_store.py`."""

from __future__ import annotations

from chappe.homeserver.database.rows import Row
from chappe.homeserver.database.shared_rows import DirectoryEntryRow
from chappe.homeserver.database.writing_function import Fragment


class AccountChangeRow(Row):
    who: str
    password_hash: str | None = None
    is_admin: bool | None = None
    deactivated: bool | None = None
    erased: bool | None = None
    profile: bytes | None = None


class ProfileCarryRow(Row):
    who: str


class AccountStateRow(Row):
    who: str
    locked: bool | None
    suspended: bool | None
    expires_ts: int | None
    whose: str | None
    ends_by: str | None
    now: int


FRAGMENTS = (
    Fragment(
        "account_changes",
        AccountChangeRow,
        """
        FOR r IN SELECT * FROM unnest(account_changes_rows) LOOP  -- NULL: stays as it is
            UPDATE users SET
                password_hash = CASE WHEN r.deactivated THEN NULL
                                     ELSE coalesce(r.password_hash, password_hash) END,
                is_admin = coalesce(r.is_admin, is_admin),
                deactivated = coalesce(r.deactivated, deactivated),
                erased = coalesce(r.erased, erased), profile = coalesce(r.profile, profile),
                erased_at = CASE WHEN r.erased THEN coalesce(erased_at, upto) WHEN NOT r.erased THEN NULL ELSE erased_at END
             WHERE user_id = r.who;
        END LOOP;""",
    ),
    Fragment(
        "profile_carries",
        ProfileCarryRow,
        """
        INSERT INTO profile_carries (user_id, serial) SELECT DISTINCT c.who, upto FROM unnest(profile_carries_rows) c
        ON CONFLICT (user_id) DO UPDATE SET serial = excluded.serial;""",
    ),
    Fragment(
        "account_states",
        AccountStateRow,
        """
        FOR r IN SELECT * FROM unnest(account_states_rows) LOOP  -- NULL: stays as it is; expiry 0: never
            -- a lock and a suspension are lifted in the right in which they were made, or in the installation's (NULL), and stay in it
            UPDATE users SET locked = CASE WHEN r.locked OR r.whose IS NULL OR locked_by = r.whose
                                           THEN coalesce(r.locked, locked) ELSE locked END,
                locked_by = CASE WHEN r.locked AND (NOT locked OR r.whose IS NULL) THEN r.whose ELSE locked_by END,
                suspended = CASE WHEN r.suspended OR r.whose IS NULL OR suspended_by = r.whose
                                 THEN coalesce(r.suspended, suspended) ELSE suspended END,
                suspended_by = CASE WHEN r.suspended AND (NOT suspended OR r.whose IS NULL) THEN r.whose ELSE suspended_by END,
                expires_ts = CASE WHEN r.expires_ts = 0 THEN NULL ELSE coalesce(r.expires_ts, expires_ts) END,
                -- an end that an administrator has brought near is theirs, in the highest right, until it is put off without a day
                expires_by = CASE WHEN r.expires_ts IS NULL THEN expires_by
                                  WHEN r.expires_ts = 0 THEN NULL
                                  WHEN r.expires_ts > greatest(expires_ts, r.now) AND expires_ts IS NOT NULL
                                       AND (expires_by IS NULL OR r.ends_by IS NULL) THEN NULL
                                  WHEN r.ends_by = 'all' THEN r.ends_by ELSE coalesce(expires_by, r.ends_by) END
             WHERE user_id = r.who;
        END LOOP;""",
    ),
    Fragment(
        "directory_entries",
        DirectoryEntryRow,
        """
        FOR r IN SELECT * FROM unnest(directory_entries_rows) LOOP  -- search NULL: not to be found any more
            DELETE FROM user_directory WHERE user_id = r.who;
            IF r.search IS NOT NULL THEN
                INSERT INTO user_directory VALUES (r.who, r.server_name, r.display_name, r.avatar_url, r.search);
            END IF;
        END LOOP;""",
    ),
)
