"""Every table is declared, and the declarations are held to the schema and to every SQL statement of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg

from chappe.agency.tables import ALL, READS
from tests.support import Server

SOURCE = Path(__file__).parents[2] / "src" / "chappe"
# Columns that hold user ids, whatever the table.
PEOPLE = {
    "user_id",
    "sender",
    "owner",
    "creator",
    "reporter",
    "sponsor",
    "holder",
    "actor",
    "asked_by",
    "decided_by",
    "by_whom",
    "granted_by",
    "placed_by",
    "lifted_by",
    "lifted_for",
    "blocked_by",
    "quarantined_by",
    "released_by",
    "approved_by",
}
NO_PEOPLE = {  # the same names for something else
    ("outgoing_mail", "sender"): "the address that a mail comes from",
    ("appservice_progress", "holder"): "a process",
    ("federation_progress", "holder"): "a process",
    ("leases", "holder"): "a process",
}
# Who writes a table that is not its own. What is to be written is asked of the owner, by a function or as a `Consequence`.
FOREIGN_WRITERS: dict[str, set[str]] = {"user_directory": {"homeserver.rooms"}}  # argued in docs/decisions/0017
# What several files of its owner write. This list shrinks: the statements go into a `store.py`, or one file whose matter the table is.
WRITTEN_IN_SEVERAL = {
    *("events", "memberships", "relations", "rooms", "threads"),  # rooms here and across servers
    *("login_tokens", "oauth_sessions", "users"),
    *("key_backup_sessions", "key_backups"),  # what is kept of them, and what the person sees
    *("journal", "sent"),  # by the writing function, and by whoever prunes them
}
# Statements over whatever tables are declared: by name, not by knowledge.
GENERIC = {"homeserver.modules.hosted_domains", "homeserver.modules.room_purges"}


def unit(path: Path) -> str:
    """The part of the house that a file belongs to: a module, a sender, an action; a file of the public-sector layer."""
    parts = list(path.relative_to(SOURCE).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    if parts[0] == "homeserver":
        return ".".join(parts[: 3 if parts[1] in ("modules", "senders", "outbound", "actions") else 2])
    return ".".join(parts[:2])


def statements() -> Iterator[tuple[str, str]]:
    """(unit, text) of every string that is SQL."""
    for path, text in statements_of_files():
        yield unit(path), text


def statements_of_files() -> Iterator[tuple[Path, str]]:
    for path in sorted(SOURCE.rglob("*.py")):
        if path.name == "tables.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if re.search(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|JOIN|FROM)\b", node.value):
                    yield path, node.value


def touched(text: str) -> tuple[set[str], set[str]]:
    """(tables written, tables read) by a statement."""
    names = {table.name for table in ALL}
    written = set(re.findall(r"\b(?:INSERT INTO|UPDATE|DELETE FROM)\s+(?:ONLY\s+)?(\w+)", text)) & names
    rest = re.sub(r"\bDELETE FROM\b", "", text)
    return written, (set(re.findall(r"\b(?:FROM|JOIN|USING)\s+(\w+)", rest)) & names)


async def columns(url: str) -> dict[str, dict[str, str]]:
    """By table: its columns and their types."""
    connection = await asyncpg.connect(url)
    found: dict[str, dict[str, str]] = {}
    for row in await connection.fetch(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
    ):
        found.setdefault(row[0], {})[row[1]] = row[2]
    await connection.close()
    return found


async def test_every_table_is_declared_once(postgres: Any) -> None:
    names = [table.name for table in ALL]
    assert len(names) == len(set(names))
    assert set(names) == set(await columns(postgres.url))


def test_every_table_goes_with_a_domain_or_stays_for_a_reason() -> None:
    for table in ALL:
        one = bool(table.rows) != bool(table.stays)
        assert one, f"{table.name}: say which `rows` go with a hosted domain that moves away, or in `stays` why none does"


def test_what_events_say_does_not_go_with_a_domain_that_may_not_know_it() -> None:
    graph = {"auth_events", "state_packs"}  # numbers, without which the states and chains of later events cannot be read
    silent = {table.name for table in ALL if table.rows and table.event and not table.says}
    assert silent == graph, f"{silent ^ graph}: `says` names what such a table tells of an event, which a domain may not know"
    loose = [table.name for table in ALL if table.says and not (table.rows and table.event)]
    assert loose == [], f"{loose}: only a table of events that goes with a domain `says` something of them"


async def test_no_table_with_a_person_in_it_is_forgotten(postgres: Any) -> None:
    for name, found in (await columns(postgres.url)).items():
        [table] = [t for t in ALL if t.name == name]
        people = {column for column in found if column in PEOPLE and (name, column) not in NO_PEOPLE}
        assert people <= set(table.person), f"{name} names people in {people - set(table.person)}"
        if table.person:
            assert set(table.person) <= set(found), name
            assert bool(table.package) != bool(table.not_in_package), f"{name}: in the package of a person, or why not?"
            assert table.erased != bool(table.kept), f"{name}: is it erased with the person, or why not?"


async def test_no_table_of_a_room_is_forgotten(postgres: Any) -> None:
    """So a purge finds every row."""
    of_rooms, of_events = {"room_nid", "room_id"}, {"event_id", "event_nid"}
    for name, found in (await columns(postgres.url)).items():
        [table] = [t for t in ALL if t.name == name]
        if of_rooms & set(found) or (of_events & set(found)):
            assert bool(table.room or table.event) != bool(table.room_stays), f"{name}: does it go with a purged room?"
        if of_rooms & set(found) and not table.room_stays:
            assert table.room in of_rooms, f"{name} names its room"
        for column in (table.room, table.event):
            assert not column or column in found, name


async def test_what_can_hold_words_says_for_how_long(postgres: Any) -> None:
    suspects = {"json", "pdu", "edu", "body", "content", "message", "words", "preview", "event", "plain", "reason"}
    for name, found in (await columns(postgres.url)).items():
        [table] = [t for t in ALL if t.name == name]
        if set(found) & suspects and name not in ("uia_sessions", "user_directory", "scan_results"):
            assert table.words, f"{name} can hold what somebody said, in {set(found) & suspects}"


async def test_the_statements_of_packages_and_erasures_run(postgres: Any) -> None:
    connection = await asyncpg.connect(postgres.url)
    for table in ALL:
        if table.package:
            assert await connection.fetch(table.package, "@nobody:example.org") == [], table.name
        if table.erased:
            assert await connection.execute(table.erasure, "@nobody:example.org") == "DELETE 0", table.name
    await connection.close()


def test_only_the_owner_writes() -> None:
    owners = {table.name: table.owner for table in ALL}
    found: dict[str, set[str]] = {}
    for part, text in statements():
        for name in touched(text)[0]:
            if part not in (owners[name], *GENERIC):
                found.setdefault(name, set()).add(part)
    assert found == FOREIGN_WRITERS, "a table is written by its owner; what is no longer written elsewhere leaves the list"


def test_a_table_is_written_in_one_file() -> None:
    files: dict[str, set[Path]] = {}
    for path, text in statements_of_files():
        for name in touched(text)[0]:
            if unit(path) not in (*GENERIC, *FOREIGN_WRITERS.get(name, ())):
                # what a commit writes may stand beside its store
                files.setdefault(name, set()).add(path.with_name("store.py") if path.name == "fragments.py" else path)
    assert {name for name, of in files.items() if len(of) > 1} == WRITTEN_IN_SEVERAL


def test_only_those_read_who_are_declared() -> None:
    declared = {table.name: {table.owner, *table.readers, *READS.get(table.name, ())} for table in ALL}
    for part, text in statements():
        for name in set.union(*touched(text)):
            if part not in GENERIC and part not in FOREIGN_WRITERS.get(name, ()) and not part.startswith("cli."):
                layer_own = part.startswith("agency.") and dict(_owners())[name].startswith("agency.")
                assert part in declared[name] or layer_own, f"{part} reads {name}, which is not declared"


def test_nobody_is_declared_who_reads_nothing() -> None:
    read: dict[str, set[str]] = {}
    for part, text in statements():
        for name in set.union(*touched(text)):
            read.setdefault(name, set()).add(part)
    for table in ALL:
        assert {*table.readers, *READS.get(table.name, ())} <= read[table.name], table.name


def _owners() -> Iterator[tuple[str, str]]:
    for table in ALL:
        yield table.name, table.owner


OUTLIVES_ITS_DEVICE = {  # where no cascade and no consequence takes it
    "call_participants": "is_ended: they are kept out by it, until nothing that they were given lets them in",
    "claimed_keys": "hashes, for a while: a key that was given out is not given out again",
    "dehydrated_devices": "goes with what replaces it, or when its owner deletes it",
    "delayed_events": "a setting says whether signing out sends or cancels them (`DelayedEvents.sign_out`)",
    "oauth_codes": "a code that is used a second time ends the device that the first use made",
    "remote_devices": "of people of other servers",
}


async def test_what_is_of_a_device_goes_in_the_commit_in_which_it_goes(server: Server) -> None:
    text, _ = server.node.writer.composed()
    step = text.split("IF cardinality(devices_removed_rows) > 0 THEN")[1].split("END IF;")[0]
    tables = await server.node.database.fetch(
        """SELECT relname::text AS name, EXISTS (SELECT FROM pg_constraint WHERE conrelid = attrelid AND confdeltype = 'c'
                                                    AND confrelid = 'devices'::regclass) AS cascades
             FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
            WHERE attname = 'device_id' AND relkind = 'r' AND relnamespace = 'public'::regnamespace"""
    )
    stays = {t["name"] for t in tables if not t["cascades"] and f"DELETE FROM {t['name']} " not in step}
    assert stays - {"devices"} == OUTLIVES_ITS_DEVICE.keys()
    assert "DELETE FROM key_signatures " in step
