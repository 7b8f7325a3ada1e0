"""Devices and keys of people of other servers: asked of theirs, kept while a room is shared, asked again when they changed.

(server-server API, "Device Management" and "End-to-End Encryption".) Where a server is dead, what was known is answered, and it
is named in `failures`.

A list is fresh while its server would have told of every change since it was asked for. That is: somebody of here has been in a
room with the user ever since, this process has been there to hear it, the server has never been out of reach, and it has told
of none. Every other list is asked for anew. What an update says is not looked at, nor what it follows (`prev_id`): each update
has the whole list asked for again, so a gap between two of them does no harm.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote

import orjson

from chappe.homeserver.database.clock import Clock
from chappe.homeserver.database.group_writer import GroupWriter, Write
from chappe.homeserver.database.pool import BAD_DATA, Database
from chappe.homeserver.database.rows import Row, read, values
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.database.shared_rows import DeviceListChangeRow
from chappe.homeserver.outbound.federation.client import FederationClient, PeerUnreachable
from chappe.homeserver.rooms.following import Following
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import domain_of, is_compliant

log = logging.getLogger(__name__)
V1 = "/_matrix/federation/v1/user"
MOST_DEVICES, PARALLEL = 500, 20
MOST_ID_BYTES = 255
KEYS_BYTES = 4 << 20
USAGES = {"master_key": "master", "self_signing_key": "self_signing"}
KEPT_MS = 86_400_000  # a list that nobody has said anything of for so long is asked for again
TRIES = 3  # to fetch a list that changes while it is fetched


class FetchedList(Row):
    user_id: str
    position: int
    fetched_ts: int


class KnownDevice(Row):
    user_id: str
    device_id: str
    keys: bytes


class KnownKey(Row):
    user_id: str
    usage: str
    key: bytes


class KnownSignature(Row):
    user_id: str
    target: str
    signer_key: str
    signature: str


class RemoteDevices:
    def __init__(
        self,
        database: Database,
        writer: GroupWriter,
        clock: Clock,
        client: FederationClient,
        following: Following,
        now_ms: NowMs,
    ) -> None:
        self._database, self._writer, self._clock, self._client = database, writer, clock, client
        self._following, self._now_ms = following, now_ms
        self._heard_since_ms = now_ms()  # before, other servers may have found nobody to tell
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self._gate = asyncio.Semaphore(PARALLEL)

    async def query(self, reader: str, wanted: Mapping[str, list[str]]) -> dict[str, Any]:
        """As `POST /keys/query` answers."""
        answer: dict[str, Any] = {"device_keys": {}, "failures": {}, "master_keys": {}, "self_signing_keys": {}}
        if not wanted:
            return answer
        fresh = await self._fresh(reader, wanted)
        stale = [user for user in wanted if user not in fresh]
        for user, failure in zip(stale, await asyncio.gather(*(self._refresh(reader, u) for u in stale)), strict=True):
            if failure is not None:
                answer["failures"][domain_of(user)] = {"errcode": failure.errcode, "error": failure.message}
        await self._add_known(reader, wanted, answer)
        return answer

    async def _fresh(self, reader: str, wanted: Collection[str]) -> set[str]:
        """Whose lists need not be asked for. Two statements, whatever the number of users."""
        rows = await read(
            self._database,
            FetchedList,
            """SELECT user_id, position, fetched_ts FROM remote_device_lists
                WHERE user_id = ANY($1::text[]) AND NOT stale AND fetched_ts > $2""",
            list(wanted),
            max(self._now_ms() - KEPT_MS, self._heard_since_ms),
        )
        lists = {row.user_id: row.position for row in rows if row.fetched_ts > self._client.missed_ts(domain_of(row.user_id))}
        return await self._following.unbroken(reader, lists) if lists else set()

    async def _refresh(self, reader: str, user_id: str) -> MatrixError | None:
        """Returns why it could not be done. A fetch that began before the question does not answer it by itself."""
        running = self._fetching.get(user_id)
        if running is not None:
            failure = await self._outcome(running, user_id)
            if failure is not None or await self._fresh(reader, [user_id]):
                return failure
        task = self._fetching.get(user_id)
        if task is None:
            task = self._fetching[user_id] = asyncio.create_task(self._fetch(domain_of(reader), user_id))
            task.add_done_callback(lambda _: self._fetching.pop(user_id, None))
        return await self._outcome(task, user_id)

    async def _outcome(self, task: asyncio.Task[None], user_id: str) -> MatrixError | None:
        try:
            await asyncio.shield(task)
        except MatrixError as error:
            return error
        except BAD_DATA as error:  # of this server: the others' people are answered all the same
            log.warning("a list of devices could not be kept", extra={"fields": {"user": user_id, "why": str(error)[:200]}})
            return PeerUnreachable(domain_of(user_id), "its list of devices is malformed")
        return None

    async def _fetch(self, own: str, user_id: str) -> None:
        """Again where its server speaks of a change meanwhile: who was told of that change is answered with it."""
        server = domain_of(user_id)
        for _ in range(TRIES):
            async with self._gate:
                self._client.require_awake(server)  # thousands of people of a dead server cost no statement
                asked_ts, position, news = self._now_ms(), self._clock.watermark, await self._expect(user_id)
                answer = await self._client.get(own, server, f"{V1}/devices/{quote(user_id, safe='')}", most_bytes=KEYS_BYTES)
            if await self._keep(user_id, answer, (position, asked_ts), news) or news is None:
                return

    async def _expect(self, user_id: str) -> int | None:
        """How often their server has spoken of a change so far. None where nobody of here follows them: their list stays stale."""
        if not await self._following.is_followed(user_id):
            return None
        await self._database.execute(
            "INSERT INTO remote_device_lists (user_id, stale, fetched_ts) VALUES ($1, true, 0) ON CONFLICT DO NOTHING", user_id
        )
        return int(await self._database.fetchval("SELECT news FROM remote_device_lists WHERE user_id = $1", user_id))

    async def _keep(self, user_id: str, answer: object, asked: tuple[int, int], news: int | None) -> bool:
        """Stores a list that was asked for then (position, ms). Returns whether nothing was heard of a change since."""
        given = answer if type(answer) is dict else {}
        devices = given.get("devices")
        if type(devices) is not list:
            raise PeerUnreachable(domain_of(user_id), "its list of devices is malformed")
        kept = [device for raw in devices[:MOST_DEVICES] if (device := _device(user_id, raw)) is not None]
        own_keys = [
            (usage, orjson.dumps(_clean(key)))
            for field, usage in USAGES.items()
            if type(key := given.get(field)) is dict and key.get("user_id") == user_id and type(key.get("keys")) is dict
        ]
        async with self._database.transaction() as transaction:
            stale = await transaction.fetchval(  # first, so that one process at a time writes a list
                """INSERT INTO remote_device_lists AS l (user_id, stale, position, fetched_ts) VALUES ($1, true, $2, $3)
                   ON CONFLICT (user_id) DO UPDATE SET stale = l.news IS DISTINCT FROM $4, position = $2, fetched_ts = $3
                   RETURNING stale""",
                user_id,
                *asked,
                news,
            )
            await transaction.execute("DELETE FROM remote_devices WHERE user_id = $1", user_id)
            await transaction.execute("DELETE FROM remote_cross_signing_keys WHERE user_id = $1", user_id)
            await transaction.execute(
                "INSERT INTO remote_devices SELECT $1, * FROM unnest($2::text[], $3::bytea[]) ON CONFLICT DO NOTHING",
                user_id,
                [d for d, _ in kept],
                [k for _, k in kept],
            )
            await transaction.execute(
                "INSERT INTO remote_cross_signing_keys SELECT $1, * FROM unnest($2::text[], $3::bytea[])",
                user_id,
                [u for u, _ in own_keys],
                [k for _, k in own_keys],
            )
        return not stale

    async def _add_known(self, reader: str, wanted: Mapping[str, list[str]], answer: dict[str, Any]) -> None:
        users, chosen = list(wanted), {user: set(devices) for user, devices in wanted.items()}
        for user in users:
            answer["device_keys"].setdefault(user, {})
        for row in await read(
            self._database,
            KnownDevice,
            "SELECT user_id, device_id, keys FROM remote_devices WHERE user_id = ANY($1::text[])",
            users,
        ):
            if not chosen[row.user_id] or row.device_id in chosen[row.user_id]:
                answer["device_keys"][row.user_id][row.device_id] = orjson.loads(row.keys)
        for key in await read(
            self._database,
            KnownKey,
            "SELECT user_id, usage, key FROM remote_cross_signing_keys WHERE user_id = ANY($1::text[])",
            users,
        ):
            answer[f"{key.usage}_keys"][key.user_id] = orjson.loads(key.key)
        for made in await read(
            self._database,
            KnownSignature,
            """SELECT user_id, target, signer_key, signature FROM key_signatures
                WHERE user_id = ANY($1::text[]) AND signer = $2""",
            users,
            reader,
        ):
            objects = [answer["device_keys"][made.user_id].get(made.target)]
            objects += [
                k
                for k in (answer[f"{u}_keys"].get(made.user_id) for u in USAGES.values())
                if k is not None and made.target in k["keys"].values()
            ]
            for value in objects:
                if value is not None:
                    signatures = value["signatures"] = _signatures(value)  # an older row may hold anything
                    signatures.setdefault(reader, {})[made.signer_key] = made.signature

    async def stored_object(self, user_id: str, target: str) -> dict[str, Any] | None:
        """A device's keys, or a cross-signing key by its public part, without signatures."""
        raw = await self._database.fetchval(
            "SELECT keys FROM remote_devices WHERE user_id = $1 AND device_id = $2", user_id, target
        )
        found = (
            [orjson.loads(raw)]
            if raw is not None
            else [
                key
                for raw in await values(
                    self._database, bytes, "SELECT key FROM remote_cross_signing_keys WHERE user_id = $1", user_id
                )
                if target in (key := orjson.loads(raw))["keys"].values()
            ]
        )
        return {k: v for k, v in found[0].items() if k not in ("signatures", "unsigned")} if found else None

    async def claim(
        self, own: str, wanted: Mapping[str, Mapping[str, str]]
    ) -> tuple[dict[str, Any], dict[str, dict[str, str]]]:
        """One-time keys of other servers' users, and the servers that could not be asked."""
        by_server: dict[str, dict[str, Mapping[str, str]]] = {}
        for user, devices in wanted.items():
            by_server.setdefault(domain_of(user), {})[user] = devices
        found: dict[str, Any] = {}
        failures: dict[str, dict[str, str]] = {}

        async def ask(server: str, users: dict[str, Mapping[str, str]]) -> None:
            try:
                answer = await self._client.request(
                    own, server, "POST", f"{V1}/keys/claim", content={"one_time_keys": users}, seconds=10, most_bytes=KEYS_BYTES
                )
            except MatrixError as error:
                failures[server] = {"errcode": error.errcode, "error": error.message}
                return
            keys = answer.get("one_time_keys") if type(answer) is dict else None
            for user, of_user in keys.items() if type(keys) is dict else ():
                if user in users and type(of_user) is dict:
                    found[user] = {d: k for d, k in of_user.items() if d in users[user] and type(k) is dict}

        await asyncio.gather(*(ask(server, users) for server, users in by_server.items()))
        return found, failures

    async def changed(self, user_id: str) -> None:
        """Their server says that something changed: who is told of them asks anew.

        Servers say so of whoever enters a room as well. Who was in it has been told with the join: as long as nobody of here has
        asked for the list, that first word wakes nobody.
        """
        known = await self._database.execute(
            "UPDATE remote_device_lists SET stale = true, news = news + 1 WHERE user_id = $1", user_id
        )
        if not is_compliant(user_id) or not await self._following.is_followed(user_id):
            return
        if known == "UPDATE 0" and await self._following.came_to_ours(user_id) and await self._is_first_word(user_id):
            return
        write = Write()
        write.add(DeviceListChangeRow(who=user_id))
        write.touch_user(user_id, "device_list")
        await self._writer.submit(write)

    async def _is_first_word(self, user_id: str) -> bool:
        """Of a list that nobody has asked for. False where somebody has begun to meanwhile."""
        made = await self._database.execute(
            "INSERT INTO remote_device_lists (user_id, stale, fetched_ts) VALUES ($1, true, 0) ON CONFLICT DO NOTHING", user_id
        )
        return made == "INSERT 0 1"


def _device(user_id: str, raw: object) -> tuple[str, bytes] | None:
    """A device of another server's answer as it is kept: its id and its keys. None where it is malformed."""
    if type(raw) is not dict or type(raw.get("keys")) is not dict:
        return None
    device_id, keys, name = raw.get("device_id"), raw["keys"], raw.get("device_display_name")
    if type(device_id) is not str or "\0" in device_id or len(device_id.encode()) > MOST_ID_BYTES:
        return None
    if keys.get("user_id") != user_id or keys.get("device_id") != device_id:
        return None
    return device_id, orjson.dumps({**_clean(keys), "unsigned": {"device_display_name": name} if type(name) is str else {}})


def _clean(signed: Mapping[str, Any]) -> dict[str, Any]:
    """With nothing but signatures under `signatures`."""
    return {**signed, "signatures": _signatures(signed)} if "signatures" in signed else dict(signed)


def _signatures(signed: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    given = signed.get("signatures")
    return {who: dict(by_key) for who, by_key in given.items() if type(by_key) is dict} if type(given) is dict else {}
