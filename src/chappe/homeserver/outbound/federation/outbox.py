"""Ephemeral data units that must not be lost: written with what they tell of, in one commit, sent by `senders/federation`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import orjson

from chappe.homeserver.database.group_writer import GroupWriter, Write
from chappe.homeserver.database.pool import Database, Executor
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.database.writing_function import Fragment
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.matrix.identifiers import domain_of


class EduRow(Row):
    destination: str
    key: str | None
    edu: bytes


FRAGMENT = Fragment(
    "federation_edus",
    EduRow,
    """
    FOR r IN SELECT * FROM unnest(federation_edus_rows) LOOP
        CONTINUE WHEN r._lane = ANY (bad);
        DELETE FROM federation_edus o WHERE o.destination = r.destination AND o.key = r.key;
        INSERT INTO federation_edus (destination, key, edu) VALUES (r.destination, r.key, r.edu);
    END LOOP;""",
)


class Outbox:
    def __init__(self, writer: GroupWriter, boundaries: Boundaries) -> None:
        self._boundaries = boundaries
        self._listeners: list[Callable[[Iterable[str]], None]] = []
        writer.register(FRAGMENT)

    def listen(self, listener: Callable[[Iterable[str]], None]) -> None:
        """`listener` is told of servers for which something has been written."""
        self._listeners.append(listener)

    def wake(self, servers: Iterable[str]) -> None:
        """What was written for these servers may go."""
        for listener in self._listeners:
            listener(servers)

    def add(
        self, write: Write, sender: str, servers: Iterable[str], key: str | None, kind: str, content: dict[str, Any]
    ) -> list[str]:
        """Sends with the write, in the name of a user. Returns whom to `wake` afterwards.

        `key`: a later unit with the same one takes its place.
        """
        raw = orjson.dumps({"edu_type": kind, "content": content})
        allowed = [server for server in servers if self._boundaries.allows(server, domain_of(sender))]
        for server in allowed:
            write.add(EduRow(destination=server, key=key, edu=raw))
        return allowed


class WaitingEdu(Row):
    seq: int
    edu: bytes


async def waiting_edus(database: Database, server: str, most: int) -> list[WaitingEdu]:
    """What a server is told next, in order."""
    return await read(
        database, WaitingEdu, "SELECT seq, edu FROM federation_edus WHERE destination = $1 ORDER BY seq LIMIT $2", server, most
    )


async def remove_edus(database: Database, seqs: Sequence[int]) -> None:
    await database.execute("DELETE FROM federation_edus WHERE seq = ANY($1::bigint[])", seqs)


async def queue_edu(connection: Executor, servers: Sequence[str], key: str, edu: bytes) -> None:
    """Beside the log. What waits with the same key goes to the end, for it may be on its way with the older news."""
    await connection.execute(
        """INSERT INTO federation_edus (destination, key, edu) SELECT d, $2, $3 FROM unnest($1::text[]) d
           ON CONFLICT (destination, key) DO UPDATE SET edu = excluded.edu, seq = DEFAULT""",
        servers,
        key,
        edu,
    )
