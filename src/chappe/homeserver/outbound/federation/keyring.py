"""The keys of other servers: fetched from them or from notaries, kept durably, and for how long they are good.

(server-server API, "Retrieving server keys"; "valid_until_ts": a key is never taken for valid longer than a week ahead.)
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, TypeVar

import orjson

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, find, read, values
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.load.tasks import SharedWork, Tasks
from chappe.homeserver.outbound.domains import Domains
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import is_plain_server_name, plain_form
from chappe.matrix.signing import verify_json

K = TypeVar("K")
V = TypeVar("V")
WEEK = 7 * 86_400_000
FIRST_FAILURE, LONGEST_FAILURE = 30_000, 3_600_000
KEPT_IN_MEMORY = 50_000
MOST_KEYS = 64
DOCUMENT_BYTES = 16 << 10  # of one document, as its server gives it
NOTARISED_BYTES = 18 << 10  # signed by notaries as well
MOST_SIGNATURES = 8  # of a notary on one document that are looked at: each may be a key to ask for
MOST_DOCUMENTS = 10  # of one server: the latest, and those with keys that later ones do not list
JUST_ASKED = 10_000  # for so long a server that has answered is not asked again, whatever key is said to be its own


@dataclass(frozen=True, slots=True)
class ServerKey:
    """`valid_until_ts`: as the server said, a week after it was asked at most. `expired_ts`: set for an old key."""

    public_key: str
    valid_until_ts: int
    expired_ts: int | None


class Peers(Protocol):
    async def get_unsigned(self, destination: str, path: str) -> Any: ...
    async def post_unsigned(self, destination: str, path: str, content: dict[str, Any]) -> Any: ...


class StoredKey(Row):
    public_key: str
    valid_until_ts: int
    expired_ts: int | None


class StoredDocument(Row):
    fetched_ts: int
    document: bytes


class Keyring:
    def __init__(
        self, database: Database, domains: Domains, peers: Peers, notaries: Iterable[str], now_ms: NowMs, tasks: Tasks
    ) -> None:
        self._database, self._domains, self._peers, self._now_ms = database, domains, peers, now_ms
        self._notaries = list(notaries)
        self._keys: OrderedDict[tuple[str, str], ServerKey] = OrderedDict()
        self._failed: OrderedDict[str, tuple[int, int]] = OrderedDict()  # how often, and until when nobody is asked
        self._answered: OrderedDict[str, int] = OrderedDict()  # when
        self._misspelt: OrderedDict[str, int] = OrderedDict()  # when a server was asked under another form of its name
        self._fetching = SharedWork[str, None](tasks, "keys of another server")

    async def for_request(self, server_name: str, key_id: str) -> str:
        """The key that signs a server's requests now. Raises M_UNAUTHORIZED (401)."""
        key = await self._key(server_name, key_id, lambda k: k.expired_ts is None and k.valid_until_ts >= self._now_ms())
        if key is None:
            raise MatrixError(401, "M_UNAUTHORIZED", f"The key {key_id} of {server_name} could not be found or is not valid")
        return key

    async def for_event(self, server_name: str, key_id: str, ts: int, enforces_validity: bool) -> str | None:
        """The key that a server had for an event of `ts`; None where there is none (room version 5 on: was none valid)."""

        def was_valid(key: ServerKey) -> bool:
            if not enforces_validity:
                return True
            if key.expired_ts is not None:
                return key.expired_ts >= ts
            return key.valid_until_ts >= ts

        return await self._key(server_name, key_id, was_valid)

    async def latest_document(self, server_name: str, minimum_valid_until_ts: int = 0) -> dict[str, Any] | None:
        """A server's keys as it published them last, for those who ask this server as a notary."""
        found = await self._documents(server_name, 0, 1)
        if not found or found[0]["valid_until_ts"] < max(minimum_valid_until_ts, self._now_ms()):
            await self._fetch(server_name)
            found = await self._documents(server_name, 0, 1)
        return next(iter(found), None)

    async def older_documents(self, server_name: str, key_ids: Collection[str] = ()) -> list[dict[str, Any]]:
        """Those with keys that the server lists no longer, the latest first. `key_ids`: only those with any of these."""
        found = await self._documents(server_name, 1, MOST_DOCUMENTS)
        return [d for d in found if not key_ids or any(key_id in _listed(d) for key_id in key_ids)]

    async def _documents(self, server_name: str, after: int, count: int) -> list[dict[str, Any]]:
        documents = await values(
            self._database,
            bytes,
            """SELECT document FROM server_key_documents WHERE server_name = $1 AND octet_length(document) <= $4
                ORDER BY fetched_ts DESC OFFSET $2 LIMIT $3""",
            server_name,
            after,
            count,
            NOTARISED_BYTES,
        )
        return [orjson.loads(document) for document in documents]

    async def _key(self, server_name: str, key_id: str, is_good: Callable[[ServerKey], bool]) -> str | None:
        if self._domains.is_hosted(server_name):
            own = await self._domains.own_key(server_name, key_id)
            return own.public_key if own is not None else None
        known = await self._known(server_name, key_id)
        if known is None or not is_good(known):
            await self._fetch(server_name)
            known = await self._known(server_name, key_id)
        return known.public_key if known is not None and is_good(known) else None

    async def _known(self, server_name: str, key_id: str) -> ServerKey | None:
        name = (server_name, key_id)
        found = self._keys.get(name)
        if found is not None:
            self._keys.move_to_end(name)
            return found
        row = await find(
            self._database,
            StoredKey,
            "SELECT public_key, valid_until_ts, expired_ts FROM server_keys WHERE server_name = $1 AND key_id = $2",
            server_name,
            key_id,
        )
        if row is None:
            return None
        self._remember(name, ServerKey(row.public_key, row.valid_until_ts, row.expired_ts))
        return self._keys[name]

    def _remember(self, name: tuple[str, str], key: ServerKey) -> None:
        _put(self._keys, name, key)

    # ---------------------------------------------------------------------------------------------------- fetching

    async def _fetch(self, server_name: str) -> None:
        """Asks once for all who want it now; not at all for a while after it answered, or after nobody had an answer."""
        now = self._now_ms()
        if not is_plain_server_name(server_name):  # fifty ways to write a name are fifty questions to one machine
            if 0 <= now - self._misspelt.get(plain_form(server_name), -JUST_ASKED) < JUST_ASKED:
                return
            _put(self._misspelt, plain_form(server_name), now)
        if (
            self._failed.get(server_name, (0, 0))[1] > now
            or 0 <= now - self._answered.get(server_name, -JUST_ASKED) < JUST_ASKED
        ):
            return
        await self._fetching.result(server_name, lambda: self._ask(server_name))

    async def _ask(self, server_name: str) -> None:
        for ask in (self._ask_directly, *(self._asking(notary) for notary in self._notaries)):
            try:
                documents = await ask(server_name)
            except MatrixError:
                continue
            if documents:
                for document in documents:
                    await self._keep(server_name, document, is_its_own=ask == self._ask_directly)
                self._failed.pop(server_name, None)
                self._answered.pop(server_name, None)
                _put(self._answered, server_name, self._now_ms())
                return
        times = self._failed.pop(server_name, (0, 0))[0] + 1
        pause = min(FIRST_FAILURE << min(times - 1, 10), LONGEST_FAILURE)
        _put(self._failed, server_name, (times, self._now_ms() + pause))

    async def _ask_directly(self, server_name: str) -> list[dict[str, Any]]:
        document = await self._peers.get_unsigned(server_name, "/_matrix/key/v2/server")
        return [document] if is_good_document(document, server_name) else []

    def _asking(self, notary: str) -> Callable[[str], Awaitable[list[dict[str, Any]]]]:
        async def ask(server_name: str) -> list[dict[str, Any]]:
            """What a notary has of a server, the oldest first."""
            if notary == server_name:
                return []
            wanted: dict[str, Any] = {"server_keys": {server_name: {}}}
            answer = await self._peers.post_unsigned(notary, "/_matrix/key/v2/query", wanted)
            documents = answer.get("server_keys") if type(answer) is dict else None
            given = documents if type(documents) is list else []
            good = [d for d in given if is_good_document(d, server_name, NOTARISED_BYTES)]
            good = sorted(good, key=lambda d: d["valid_until_ts"])[-MOST_DOCUMENTS:]
            return [document for document in good if await self._is_signed_by(document, notary)]

        return ask

    async def _is_signed_by(self, document: dict[str, Any], notary: str) -> bool:
        for key_id in islice(document["signatures"].get(notary, {}), MOST_SIGNATURES):
            try:
                key = await self.for_request(notary, key_id)
            except MatrixError:
                continue
            if verify_json(document, notary, key_id, key):
                return True
        return False

    async def _keep(self, server_name: str, document: dict[str, Any], is_its_own: bool) -> None:
        """`is_its_own`: the server itself has answered. What it no longer lists, or for how long, counts from now on.

        A notary may repeat an old answer: that adds keys, never takes any away, and gives none back.
        """
        until = min(document["valid_until_ts"], self._now_ms() + WEEK)
        keys = {key_id: ServerKey(value["key"], until, None) for key_id, value in document["verify_keys"].items()}
        for key_id, value in document.get("old_verify_keys", {}).items():
            keys.setdefault(key_id, ServerKey(value["key"], 0, value["expired_ts"]))
        await self._database.execute(
            """INSERT INTO server_keys
               SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[])
               ON CONFLICT (server_name, key_id) DO UPDATE
               SET public_key = excluded.public_key,
                   expired_ts = CASE WHEN $6 THEN excluded.expired_ts
                                     ELSE coalesce(server_keys.expired_ts, excluded.expired_ts) END,
                   valid_until_ts = CASE WHEN $6 THEN excluded.valid_until_ts
                                         ELSE greatest(server_keys.valid_until_ts, excluded.valid_until_ts) END""",
            server_name,
            list(keys),
            [k.public_key for k in keys.values()],
            [k.valid_until_ts for k in keys.values()],
            [k.expired_ts for k in keys.values()],
            is_its_own,
        )
        if is_its_own:
            await self._withdraw(server_name, list(keys))
        await self._keep_document(server_name, document, is_its_own)
        for key_id in keys:
            self._keys.pop((server_name, key_id), None)

    async def _keep_document(self, server_name: str, document: dict[str, Any], is_its_own: bool) -> None:
        """Beside it, those that list a key that it does not: what was signed with a key that its server has lost can be checked
        for as long as one notary remembers it."""
        listed = _listed(document)
        async with self._database.transaction() as connection:
            rows = await read(
                connection,
                StoredDocument,
                """SELECT fetched_ts, document FROM server_key_documents WHERE server_name = $1
                    ORDER BY fetched_ts DESC FOR UPDATE""",
                server_name,
            )
            kept: list[int] = []
            at = max(self._now_ms(), rows[0].fetched_ts + 1 if rows else 0)
            for row in rows:
                other = orjson.loads(row.document)
                is_later = not is_its_own and other["valid_until_ts"] >= document["valid_until_ts"]
                if is_later and listed.items() <= _listed(other).items():
                    return  # a notary has said less than is known
                if is_later:
                    at = row.fetched_ts - 1
                if is_later or not _listed(other).items() <= listed.items():
                    kept.append(row.fetched_ts)
            while at in kept:
                at -= 1
            await connection.execute(
                "DELETE FROM server_key_documents WHERE server_name = $1 AND fetched_ts <> ALL($2::bigint[])",
                server_name,
                kept[: MOST_DOCUMENTS - 1],
            )
            await connection.execute(
                """INSERT INTO server_key_documents VALUES ($1, $2, $3)
                   ON CONFLICT (server_name, fetched_ts) DO UPDATE SET document = excluded.document""",
                server_name,
                orjson.dumps(document),
                at,
            )

    async def _withdraw(self, server_name: str, listed: list[str]) -> None:
        """Keys that a server lists no longer sign nothing from now on; what they have signed stays."""
        withdrawn = await values(
            self._database,
            str,
            """UPDATE server_keys SET expired_ts = least(valid_until_ts, $3)
                WHERE server_name = $1 AND key_id <> ALL($2::text[]) AND expired_ts IS NULL
               RETURNING key_id""",
            server_name,
            listed,
            self._now_ms() - 1,
        )
        for key_id in withdrawn:
            self._keys.pop((server_name, key_id), None)


def _put(memory: OrderedDict[K, V], name: K, value: V) -> None:
    memory[name] = value
    if len(memory) > KEPT_IN_MEMORY:
        memory.popitem(last=False)


def _listed(document: dict[str, Any]) -> dict[str, str]:
    """The public keys of a document by their ids, old ones too."""
    old = document.get("old_verify_keys", {})
    return {key_id: value["key"] for key_id, value in (*old.items(), *document["verify_keys"].items())}


def is_good_document(document: Any, server_name: str, most_bytes: int = DOCUMENT_BYTES) -> bool:
    """Whether an answer of `/key/v2/server` has the right form and is signed by each of its own keys that signed it. A large one
    has not: it is kept, and told to whoever asks."""
    if type(document) is not dict or document.get("server_name") != server_name:
        return False
    if len(orjson.dumps(document)) > most_bytes or not _has_right_form(document):
        return False
    keys, signatures = document["verify_keys"], document["signatures"]
    signed = [key_id for key_id in keys if key_id in signatures.get(server_name, {})]
    return bool(signed) and all(verify_json(document, server_name, k, keys[k]["key"]) for k in signed)


def _has_right_form(document: Mapping[str, Any]) -> bool:
    until, keys, old = document.get("valid_until_ts"), document.get("verify_keys"), document.get("old_verify_keys", {})
    signatures = document.get("signatures")
    if type(until) is not int or not 0 <= until < 2**53 or type(keys) is not dict or type(old) is not dict:
        return False
    if not keys or len(keys) + len(old) > MOST_KEYS or type(signatures) is not dict:
        return False
    if not all(type(v) is dict and type(v.get("key")) is str for v in (*keys.values(), *old.values())):
        return False
    if not all(type(v.get("expired_ts")) is int and 0 <= v["expired_ts"] < 2**53 for v in old.values()):
        return False
    return all(type(by_key) is dict for by_key in signatures.values())
