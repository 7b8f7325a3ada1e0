"""SQL of pushers, and of the queue of what they are told."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec.structs import astuple

from chappe.homeserver.database.pool import Executor
from chappe.homeserver.database.rows import Int, Row, columns, read, values
from chappe.homeserver.database.writing_function import Consequence

CONSEQUENCE = Consequence(  # whoever signs out is told nothing any more
    "devices_removed",
    """
    FOR r IN SELECT * FROM unnest(devices_removed_rows) LOOP
        DELETE FROM pushers WHERE user_id = r.who AND device_id = r.device;
    END LOOP;""",
)


class PusherRow(Row):
    """A row of `pushers`, but for what comes with its use. `data`: JSON; `host`: what pushes go to, "" for a mailbox."""

    user_id: str
    device_id: str | None
    kind: str
    app_id: str
    pushkey: str
    app_display_name: str
    device_display_name: str
    profile_tag: str | None
    lang: str
    data: bytes
    enabled: bool
    created_ts: int
    host: str


class Pusher(PusherRow):
    """`badge`: the number of unread messages that it was told last."""

    id: int
    badge: Int
    failing_since: int | None
    attempts: Int


class PusherOfUser(Row):
    id: int
    user_id: str
    kind: str


class PusherLanguage(Row):
    user_id: str
    lang: str


class PusherData(Row):
    id: int
    data: bytes


class QueuedPush(Row):
    """`event_id`: "" where only the number of unread messages has changed. `tweaks`: JSON."""

    pusher: int
    room_nid: int
    event_id: str
    position: int
    tweaks: bytes
    created_ts: int


class WaitingPush(QueuedPush):
    id: int


_CLAIM = f"""
    WITH ready AS (
        SELECT p.id, p.due_ts, row_number() OVER (PARTITION BY p.host ORDER BY p.due_ts, p.id) AS n FROM pushers p
         WHERE p.due_ts <= $1 AND p.enabled AND p.host <> ALL ($3::text[])
           AND EXISTS (SELECT 1 FROM push_queue q WHERE q.pusher = p.id)),
    chosen AS (
        SELECT p.id FROM pushers p WHERE p.id IN (SELECT id FROM ready WHERE n <= $4 ORDER BY due_ts LIMIT $2)
           AND p.due_ts <= $1 FOR UPDATE SKIP LOCKED)
    UPDATE pushers SET due_ts = $5 WHERE id IN (SELECT id FROM chosen) RETURNING {columns(Pusher)}"""


class PusherStore:
    """Every method is one statement. Times are in ms; `due_ts`: a pusher is left alone until then."""

    def __init__(self, database: Executor) -> None:
        self._database = database

    async def of(self, user_id: str) -> list[Pusher]:
        return await read(
            self._database, Pusher, f"SELECT {columns(Pusher)} FROM pushers WHERE user_id = $1 ORDER BY id", user_id
        )

    async def count(self, user_id: str) -> int:
        found: int = await self._database.fetchval("SELECT count(*) FROM pushers WHERE user_id = $1", user_id)
        return found

    async def add(self, new: PusherRow) -> None:
        """In the place of the one with the same key (user, application, push key), which begins anew."""
        await self._database.execute(
            f"""INSERT INTO pushers ({columns(PusherRow)})
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
               ON CONFLICT (user_id, app_id, pushkey) DO UPDATE SET device_id = excluded.device_id, kind = excluded.kind,
               app_display_name = excluded.app_display_name, device_display_name = excluded.device_display_name,
               profile_tag = excluded.profile_tag, lang = excluded.lang, data = excluded.data, enabled = excluded.enabled,
               host = excluded.host, due_ts = 0, attempts = 0, failing_since = NULL""",
            *astuple(new),
        )

    async def lock_others_at(self, user_id: str, kind: str, app_id: str, pushkey: str) -> list[PusherData]:
        """Of the same application's pushers at the same place that are other people's."""
        return await read(
            self._database,
            PusherData,
            """SELECT id, data FROM pushers WHERE app_id = $1 AND pushkey = $2 AND user_id <> $3 AND kind = $4
                ORDER BY id FOR UPDATE""",
            app_id,
            pushkey,
            user_id,
            kind,
        )

    async def remove(self, pushers: Collection[int]) -> None:
        await self._database.execute("DELETE FROM pushers WHERE id = ANY($1::bigint[])", pushers)

    async def remove_at(self, user_id: str, app_id: str, pushkey: str) -> None:
        await self._database.execute(
            "DELETE FROM pushers WHERE user_id = $1 AND app_id = $2 AND pushkey = $3", user_id, app_id, pushkey
        )

    async def remove_all(self, user_id: str, but_device: str | None) -> None:
        await self._database.execute(
            "DELETE FROM pushers WHERE user_id = $1 AND ($2::text IS NULL OR device_id IS DISTINCT FROM $2)",
            user_id,
            but_device,
        )

    async def users(self) -> frozenset[str]:
        """Who has any."""
        return frozenset(await values(self._database, str, "SELECT DISTINCT user_id FROM pushers"))

    async def languages(self, users: Collection[str]) -> dict[str, str]:
        """What the program that they took up last speaks, of those who have any."""
        rows = await read(
            self._database,
            PusherLanguage,
            "SELECT DISTINCT ON (user_id) user_id, lang FROM pushers WHERE user_id = ANY($1) ORDER BY user_id, created_ts DESC",
            list(users),
        )
        return {row.user_id: row.lang for row in rows}

    async def enabled(self, users: Collection[str]) -> list[PusherOfUser]:
        return await read(
            self._database,
            PusherOfUser,
            "SELECT id, user_id, kind FROM pushers WHERE enabled AND user_id = ANY($1)",
            list(users),
        )

    async def claim(self, now: int, most: int, busy: Collection[str], most_of_host: int, until: int) -> list[Pusher]:
        """Pushers with something to deliver, which no other process claims until then; none of the `busy` hosts."""
        return await read(self._database, Pusher, _CLAIM, now, most, list(busy), most_of_host, until)

    async def put_off(self, pusher: int, due_ts: int, badge: int) -> None:
        """The number of unread messages that it was told last is kept."""
        await self._database.execute("UPDATE pushers SET badge = $2, due_ts = $3 WHERE id = $1", pusher, badge, due_ts)

    async def release(self, pusher: int) -> None:
        await self._database.execute("UPDATE pushers SET due_ts = 0 WHERE id = $1", pusher)

    async def note_success(self, pusher: int, due_ts: int) -> None:
        await self._database.execute(
            "UPDATE pushers SET due_ts = $2, attempts = 0, failing_since = NULL WHERE id = $1", pusher, due_ts
        )

    async def note_failure(self, pusher: int, due_ts: int, now: int) -> None:
        await self._database.execute(
            """UPDATE pushers SET due_ts = $2, attempts = attempts + 1, failing_since = coalesce(failing_since, $3)
                WHERE id = $1""",
            pusher,
            due_ts,
            now,
        )


class PushQueue:
    """Every method is one statement."""

    def __init__(self, database: Executor) -> None:
        self._database = database

    async def add(self, found: Sequence[QueuedPush]) -> None:
        """Of pushers that are still there. One waiting change of a number is enough for a pusher, unless it is to be silent."""
        await self._database.execute(
            """INSERT INTO push_queue (pusher, room_nid, event_id, position, tweaks, created_ts)
               SELECT x.pusher, r, e, p, t, c
                 FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bytea[], $6::bigint[])
                   WITH ORDINALITY x(pusher, r, e, p, t, c, at)
                WHERE EXISTS (SELECT 1 FROM pushers WHERE id = x.pusher) ORDER BY at
               ON CONFLICT (pusher, event_id) DO UPDATE SET tweaks = excluded.tweaks
               WHERE push_queue.event_id = '' AND excluded.tweaks <> '{}'""",
            *map(list, zip(*map(astuple, found), strict=True)),
        )

    async def of(self, pusher: int, most: int) -> list[WaitingPush]:
        """In order."""
        return await read(
            self._database,
            WaitingPush,
            f"SELECT {columns(WaitingPush)} FROM push_queue WHERE pusher = $1 ORDER BY id LIMIT $2",
            pusher,
            most,
        )

    async def remove(self, entries: Collection[int]) -> bool:
        """False where none of them was there any more."""
        result: str = await self._database.execute("DELETE FROM push_queue WHERE id = ANY($1::bigint[])", entries)
        return not result.endswith(" 0")

    async def remove_all(self, pusher: int, before: int | None = None) -> None:
        """`before`: what was queued earlier only (ms)."""
        await self._database.execute(
            "DELETE FROM push_queue WHERE pusher = $1 AND ($2::bigint IS NULL OR created_ts < $2)", pusher, before
        )
