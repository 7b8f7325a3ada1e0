"""Secrets in account data (client-server API, "Secret storage") that are written over or deleted are kept for some days.

They are what a recovery code opens, and an access token may replace them without a question: so they can be brought back, like the
keys of a backup that they open (modules/key_backup/kept.py). What is kept is sealed as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Int, Row, read
from chappe.homeserver.database.writing_function import Fragment
from chappe.homeserver.policy import Policy
from chappe.homeserver.policy.holds import Holds
from chappe.matrix.errors import MatrixError

# What clients need to open everything else: as many of each are kept, whatever else an account has kept
WELL_KNOWN = (
    "m.secret_storage.default_key",
    "m.cross_signing.master",
    "m.cross_signing.self_signing",
    "m.cross_signing.user_signing",
    "m.megolm_backup.v1",
    "m.dehydrated_device",
    "org.matrix.msc3814",
)
_DESCRIBES_KEYS = "m.secret_storage."
# of the others, in all: beyond, none of them is replaced, so that nobody crowds out what was replaced first
MOST_OTHERS = 1000


class KeptSecretRow(Row):
    who: str
    type: str
    content: bytes
    days: Int


FRAGMENT = Fragment(
    "kept_secrets",
    KeptSecretRow,
    """
    -- the first twenty of a type in so many days, whatever a hold keeps for longer; no real secret has 64 KiB
    FOR r IN SELECT * FROM unnest(kept_secrets_rows) LOOP
        INSERT INTO kept_secrets (user_id, type, kept_since, content)
        SELECT a.user_id, a.type, now(), a.content FROM account_data a
         WHERE a.user_id = r.who AND a.room_id = '' AND a.type = r.type AND NOT a.deleted AND a.content <> r.content
           AND octet_length(a.content) <= 65536
           AND (SELECT count(*) FROM kept_secrets k WHERE k.user_id = r.who AND k.type = r.type
                       AND k.kept_since >= now() - make_interval(days => r.days)) < 20
        ON CONFLICT DO NOTHING;
    END LOOP;""",
)


class KeptSecret(Row):
    type: str
    content: bytes


class KeptSecrets:
    """For as many days as the policy says; 0: nothing is kept. Of whom is held nothing goes meanwhile, whatever the days."""

    def __init__(self, database: Database, policy: Policy, holds: Holds) -> None:
        self._database, self._policy, self._holds = database, policy, holds

    @property
    def days(self) -> int:
        return self._policy.deleted_keys_days

    def keeps(self, event_type: str, old: bytes) -> bool:
        """Whether something is kept when it is replaced: by its name, or for what it is."""
        if not self.days:
            return False
        is_known = event_type in WELL_KNOWN or event_type.startswith(_DESCRIBES_KEYS)
        return is_known or (b'"encrypted"' in old and is_secret(old))

    async def require_place(self, user_id: str, event_type: str) -> None:
        """Raises M_RESOURCE_LIMIT_EXCEEDED; never for what every client needs.

        What is kept for longer than its days is not counted: else it would tell people that they are under a hold.
        """
        if event_type in WELL_KNOWN:
            return
        of_these_days = await self._database.fetchval(
            """SELECT count(*) FROM kept_secrets WHERE user_id = $1 AND type <> ALL($2::text[])
                AND kept_since >= now() - make_interval(days => $3)""",
            user_id,
            WELL_KNOWN,
            self.days,
        )
        if of_these_days >= MOST_OTHERS:
            raise MatrixError(
                403, "M_RESOURCE_LIMIT_EXCEEDED", "Too many secrets were replaced: no more can be replaced for now"
            )

    async def at(self, user_id: str, at_ts: int) -> Mapping[str, bytes]:
        """What was replaced since, by type, as it was at a time (ms)."""
        rows = await read(
            self._database,
            KeptSecret,
            """SELECT DISTINCT ON (type) type, content FROM kept_secrets
                WHERE user_id = $1 AND kept_since > to_timestamp($2::float8 / 1000) ORDER BY type, kept_since""",
            user_id,
            at_ts,
        )
        return {row.type: row.content for row in rows}

    async def latest(self, user_id: str) -> Mapping[str, bytes]:
        """By type, the latest that was replaced and was a secret."""
        rows = await read(
            self._database,
            KeptSecret,
            "SELECT type, content FROM kept_secrets WHERE user_id = $1 ORDER BY type, kept_since",
            user_id,
        )
        return {row.type: row.content for row in rows if is_secret(row.content)}

    async def prune(self) -> None:
        """What has been kept long enough, and is under no hold."""
        await self._database.execute(
            """DELETE FROM kept_secrets WHERE kept_since < now() - make_interval(days => $1)
                AND user_id <> ALL($2::text[])""",
            self.days,
            sorted(await self._holds.held()),
        )


def is_secret(content: bytes) -> bool:
    """A secret, or what says how secrets are sealed; not what is left of one."""
    found: Any = orjson.loads(content)
    if type(found) is not dict:
        return False
    sealed = found.get("encrypted")
    return (type(sealed) is dict and bool(sealed)) or any(type(found.get(name)) is str for name in ("key", "algorithm"))
