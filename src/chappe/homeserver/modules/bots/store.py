"""SQL of webhooks, and of the queue of what outgoing ones are told."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import astuple

from chappe.homeserver.database.pool import Executor
from chappe.homeserver.database.rows import Int, Row, columns, find, read


class WebhookRow(Row):
    """A row of `webhooks`, but for what comes with its use. `secret`: an outgoing one's, which signs what it is told."""

    id: str
    room_id: str
    direction: str
    owner: str
    name: str
    secret_hash: bytes
    secret: str | None
    url: str | None
    types: list[str]
    expires_ts: int | None
    created_ts: int
    enabled: bool


class Webhook(WebhookRow):
    """`user_id`: the bot in whose name an incoming one speaks."""

    user_id: str | None
    last_used_ts: int | None
    last_error: str | None


class IncomingWebhook(WebhookRow):
    """One by which somebody speaks: `user_id`."""

    user_id: str


class OutgoingWebhook(WebhookRow):
    room_nid: int


class DueDelivery(Row):
    """What an outgoing webhook is told, with its own columns from `url` on. `attempts`: with this one."""

    id: int
    webhook: str
    event_id: str
    body: bytes
    attempts: Int
    due_ts: int
    url: str
    secret: str
    owner: str
    room_id: str
    enabled: bool


class WebhookStore:
    """Every method is one statement. Times are in ms."""

    def __init__(self, database: Executor) -> None:
        self._database = database

    async def add(self, new: WebhookRow) -> None:
        await self._database.execute(
            f"INSERT INTO webhooks ({columns(WebhookRow)}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            *astuple(new),
        )

    async def count_in(self, room_id: str) -> int:
        found: int = await self._database.fetchval("SELECT count(*) FROM webhooks WHERE room_id = $1", room_id)
        return found

    async def count_of(self, owner: str) -> int:
        found: int = await self._database.fetchval("SELECT count(*) FROM webhooks WHERE owner = $1", owner)
        return found

    async def of_room(self, room_id: str) -> list[Webhook]:
        return await read(
            self._database,
            Webhook,
            f"SELECT {columns(Webhook)} FROM webhooks WHERE room_id = $1 ORDER BY created_ts, id",
            room_id,
        )

    async def incoming(self, hook: str) -> IncomingWebhook | None:
        """None also for one by which nobody speaks."""
        return await find(
            self._database,
            IncomingWebhook,
            f"""SELECT {columns(IncomingWebhook)} FROM webhooks
                 WHERE id = $1 AND direction = 'incoming' AND user_id IS NOT NULL""",
            hook,
        )

    async def is_spoken_for_by(self, bot: str) -> bool:
        return bool(await self._database.fetchval("SELECT EXISTS (SELECT 1 FROM webhooks WHERE user_id = $1)", bot))

    async def set_speaker(self, hook: str, bot: str) -> None:
        await self._database.execute("UPDATE webhooks SET user_id = $2 WHERE id = $1", hook, bot)

    async def enable(self, hook: str) -> None:
        await self._database.execute("UPDATE webhooks SET enabled = true WHERE id = $1", hook)

    async def enable_again(self, hook: str, room_id: str, owner: str) -> bool:
        """False where the owner has none in the room by which anybody speaks or listens."""
        done = await self._database.execute(
            """UPDATE webhooks SET enabled = true WHERE id = $1 AND room_id = $2 AND owner = $3
                AND (direction = 'outgoing' OR user_id IS NOT NULL)""",
            hook,
            room_id,
            owner,
        )
        return not done.endswith(" 0")

    async def disable_all(self, owner: str) -> None:
        await self._database.execute("UPDATE webhooks SET enabled = false WHERE owner = $1", owner)

    async def note_use(self, hook: str, now: int) -> None:
        await self._database.execute("UPDATE webhooks SET last_used_ts = $2 WHERE id = $1", hook, now)

    async def note_sent(self, hook: str, error: str | None, now: int) -> None:
        await self._database.execute("UPDATE webhooks SET last_error = $2, last_used_ts = $3 WHERE id = $1", hook, error, now)

    async def remove(self, hook: str) -> None:
        await self._database.execute("DELETE FROM webhooks WHERE id = $1", hook)

    async def remove_from(self, room_id: str, hook: str) -> Webhook | None:
        """None where there is none in the room."""
        return await find(
            self._database,
            Webhook,
            f"DELETE FROM webhooks WHERE id = $1 AND room_id = $2 RETURNING {columns(Webhook)}",
            hook,
            room_id,
        )

    async def forget(self, user_id: str) -> None:
        """Those that somebody has made, and the one in whose name somebody speaks."""
        await self._database.execute("DELETE FROM webhooks WHERE owner = $1 OR user_id = $1", user_id)

    async def has_outgoing(self) -> bool:
        return bool(await self._database.fetchval("SELECT EXISTS (SELECT 1 FROM webhooks WHERE direction = 'outgoing')"))

    async def outgoing(self, rooms: Collection[int], now: int) -> list[OutgoingWebhook]:
        """Those that are told of these rooms."""
        return await read(
            self._database,
            OutgoingWebhook,
            f"""SELECT {columns(WebhookRow, "w")}, r.room_nid FROM webhooks w JOIN rooms r USING (room_id)
                 WHERE w.direction = 'outgoing' AND w.enabled AND r.room_nid = ANY($1::bigint[])
                   AND (w.expires_ts IS NULL OR w.expires_ts > $2)""",
            list(rooms),
            now,
        )


class WebhookQueue:
    """Every method is one statement. Times are in ms."""

    def __init__(self, database: Executor) -> None:
        self._database = database

    async def add(self, hook: str, event_id: str, body: bytes, now: int) -> None:
        """Once for each event."""
        await self._database.execute(
            "INSERT INTO webhook_queue (webhook, event_id, body, due_ts) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            hook,
            event_id,
            body,
            now,
        )

    async def claim(self, now: int, until: int, most: int) -> list[DueDelivery]:
        """What is due, with its webhook; no other process takes it until then."""
        return await read(
            self._database,
            DueDelivery,
            """UPDATE webhook_queue q SET due_ts = $2, attempts = attempts + 1
                 FROM (SELECT id FROM webhook_queue WHERE due_ts <= $1 ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED) d, webhooks w
                WHERE q.id = d.id AND w.id = q.webhook
               RETURNING q.id, q.webhook, q.event_id, q.body, q.attempts, q.due_ts, w.url, w.secret, w.owner, w.room_id, w.enabled""",
            now,
            until,
            most,
        )

    async def put_off(self, entry: int, due_ts: int) -> None:
        await self._database.execute("UPDATE webhook_queue SET due_ts = $2 WHERE id = $1", entry, due_ts)

    async def remove(self, entry: int) -> None:
        await self._database.execute("DELETE FROM webhook_queue WHERE id = $1", entry)
