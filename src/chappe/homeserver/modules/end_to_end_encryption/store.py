"""SQL of the encryption keys. What a commit writes: `fragments.py`."""

from __future__ import annotations

from collections.abc import Sequence

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read, values

CLAIMED_FOR = "14 days"  # how long it is known that a one-time key was given out
Key = tuple[str, str, str]  # user, device, algorithm


class DeviceRow(Row):
    user_id: str
    device_id: str
    display_name: str | None
    keys: bytes | None


class CrossSigningKey(Row):
    user_id: str
    usage: str
    key: bytes


class Signature(Row):
    user_id: str
    target: str
    signer: str
    signer_key: str
    signature: str


class KeyCount(Row):
    algorithm: str
    n: int


class ClaimedKey(Row):
    user_id: str
    device_id: str
    algorithm: str
    key_id: str
    key: bytes


class OneTimeKey(Row):
    algorithm: str
    key_id: str
    key: bytes


class KeyStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def devices(self, user_ids: Sequence[str]) -> list[DeviceRow]:
        """Every device of some users with its name and its keys (None where it has none)."""
        return await read(
            self._database,
            DeviceRow,
            """SELECT d.user_id, d.device_id, d.display_name, k.keys FROM devices d
                 LEFT JOIN device_keys k ON k.user_id = d.user_id AND k.device_id = d.device_id
                WHERE d.user_id = ANY($1::text[])""",
            list(user_ids),
        )

    async def device_keys(self, user_id: str, device_id: str) -> bytes | None:
        return await self._database.fetchval(  # type: ignore[no-any-return]
            "SELECT keys FROM device_keys WHERE user_id = $1 AND device_id = $2", user_id, device_id
        )

    async def cross_signing_keys(self, user_ids: Sequence[str]) -> list[CrossSigningKey]:
        return await read(
            self._database,
            CrossSigningKey,
            "SELECT user_id, usage, key FROM cross_signing_keys WHERE user_id = ANY($1::text[])",
            list(user_ids),
        )

    async def signatures(self, user_ids: Sequence[str]) -> list[Signature]:
        return await read(
            self._database,
            Signature,
            """SELECT user_id, target, signer, signer_key, signature FROM key_signatures
                WHERE user_id = ANY($1::text[])""",
            list(user_ids),
        )

    async def existing_one_time_keys(
        self, user_id: str, device_id: str, ids: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], bytes]:
        rows = await read(
            self._database,
            OneTimeKey,
            """SELECT algorithm, key_id, key FROM one_time_keys WHERE user_id = $1 AND device_id = $2
                AND (algorithm, key_id) IN (SELECT * FROM unnest($3::text[], $4::text[]))""",
            user_id,
            device_id,
            [i[0] for i in ids],
            [i[1] for i in ids],
        )
        return {(r.algorithm, r.key_id): r.key for r in rows}

    async def add_one_time_keys(self, user_id: str, device_id: str, keys: Sequence[tuple[str, str, bytes]]) -> None:
        """(algorithm, key id, JSON), in upload order. One that was given out already is not given out again."""
        async with self._database.transaction() as connection:
            await connection.execute(
                """INSERT INTO one_time_keys (user_id, device_id, algorithm, key_id, key)
                   SELECT $1, $2, k.* FROM unnest($3::text[], $4::text[], $5::bytea[]) k(algorithm, key_id, key)
                   ON CONFLICT DO NOTHING""",
                user_id,
                device_id,
                *map(list, zip(*keys, strict=True)),
            )
            # by itself: whoever claimed a key while the first statement ran has been waited for, and is seen by the second alone
            await connection.execute(
                """DELETE FROM one_time_keys k USING claimed_keys c WHERE k.user_id = $1 AND k.device_id = $2
                      AND (k.algorithm, k.key_id) IN (SELECT * FROM unnest($3::text[], $4::text[])) AND c.user_id = k.user_id
                      AND c.device_id = k.device_id AND c.algorithm = k.algorithm AND c.key_id = k.key_id AND c.hash = sha256(k.key)""",
                user_id,
                device_id,
                [key[0] for key in keys],
                [key[1] for key in keys],
            )

    async def put_fallback_keys(self, user_id: str, device_id: str, keys: Sequence[tuple[str, str, bytes]]) -> None:
        """A new key replaces its algorithm's old one and is unused; the same key again changes nothing."""
        await self._database.execute(
            """INSERT INTO fallback_keys AS f (user_id, device_id, algorithm, key_id, key)
               SELECT $1, $2, k.* FROM unnest($3::text[], $4::text[], $5::bytea[]) k
               ON CONFLICT (user_id, device_id, algorithm) DO UPDATE SET key_id = excluded.key_id, key = excluded.key,
                   used = f.used AND f.key_id = excluded.key_id AND f.key = excluded.key""",
            user_id,
            device_id,
            *map(list, zip(*keys, strict=True)),
        )

    async def counts(self, user_id: str, device_id: str) -> tuple[dict[str, int], list[str]]:
        """One-time keys by algorithm, and the algorithms with an unused fallback key. One statement."""
        rows = await read(
            self._database,
            KeyCount,
            """SELECT algorithm, count(*)::int AS n FROM one_time_keys WHERE user_id = $1 AND device_id = $2 GROUP BY 1
               UNION ALL SELECT algorithm, -1 FROM fallback_keys WHERE user_id = $1 AND device_id = $2 AND NOT used""",
            user_id,
            device_id,
        )
        counts = {r.algorithm: r.n for r in rows if r.n >= 0}
        return counts, [r.algorithm for r in rows if r.n < 0]

    async def claim_one_time_keys(self, wanted: Sequence[Key]) -> list[ClaimedKey]:
        """Takes one key for each, the oldest first; a key is given exactly once, whoever else claims."""
        return await read(
            self._database,
            ClaimedKey,
            """WITH picked AS MATERIALIZED (
                   SELECT (SELECT o.seq FROM one_time_keys o
                            WHERE o.user_id = w.user_id AND o.device_id = w.device_id AND o.algorithm = w.algorithm
                            ORDER BY o.seq LIMIT 1 FOR UPDATE SKIP LOCKED) AS seq
                     FROM unnest($1::text[], $2::text[], $3::text[]) w(user_id, device_id, algorithm)),
               taken AS (DELETE FROM one_time_keys k WHERE k.seq = ANY (ARRAY(SELECT p.seq FROM picked p))
                   RETURNING k.user_id, k.device_id, k.algorithm, k.key_id, k.key),
               noted AS (INSERT INTO claimed_keys (user_id, device_id, algorithm, key_id, hash)
                   SELECT user_id, device_id, algorithm, key_id, sha256(key) FROM taken
                   ON CONFLICT (user_id, device_id, algorithm, key_id) DO UPDATE SET hash = excluded.hash, claimed = now())
               SELECT * FROM taken""",
            *map(list, zip(*wanted, strict=True)),
        )

    async def prune(self) -> None:
        """Forgets which keys were given out long ago: by now their devices know."""
        await self._database.execute(f"DELETE FROM claimed_keys WHERE claimed < now() - interval '{CLAIMED_FOR}'")

    async def claim_fallback_keys(self, wanted: Sequence[Key]) -> list[ClaimedKey]:
        """The fallback keys, now marked as used."""
        return await read(
            self._database,
            ClaimedKey,
            """UPDATE fallback_keys f SET used = true FROM unnest($1::text[], $2::text[], $3::text[]) w(user_id, device_id, algorithm)
                WHERE f.user_id = w.user_id AND f.device_id = w.device_id AND f.algorithm = w.algorithm
               RETURNING f.user_id, f.device_id, f.algorithm, f.key_id, f.key""",
            *map(list, zip(*wanted, strict=True)),
        )

    async def device_list_changes(self, since: int, upto: int) -> list[str]:
        return await values(
            self._database, str, "SELECT user_id FROM device_list_changes WHERE position > $1 AND position <= $2", since, upto
        )

    async def list_changed_at(self, user_id: str) -> int:
        sql = "SELECT coalesce((SELECT position FROM device_list_changes WHERE user_id = $1), 0)"
        return await self._database.fetchval(sql, user_id)  # type: ignore[no-any-return]
