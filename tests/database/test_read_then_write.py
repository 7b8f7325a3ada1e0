"""What is read, and written afterwards on the strength of it: why nothing is lost or doubled when two do so or one dies between.

The scan is simple. In a function, and in the methods of its class that it calls, it looks for a SELECT of a table that is followed
by a write of the same table. It leaves out what is behind a lock (FOR UPDATE, an advisory lock) and writes with ON CONFLICT.
It follows calls into stores (files whose docstring begins "SQL of"); it does not see what is read through another class.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import chappe

SOURCE = Path(chappe.__file__).parent
ASKS = {"fetch": 0, "fetchrow": 0, "fetchval": 0, "execute": 0}  # methods of what asks, and which argument is the SQL
READERS = {"read": 2, "find": 2, "each": 2, "values": 2, "mapping": 3}  # functions of `database/rows.py`, likewise
LOCKS = re.compile(r"\bFOR (?:NO KEY )?UPDATE|advisory_xact_lock")
READS = re.compile(r"\b(?:FROM|JOIN)\s+([a-z_]+)")
WRITES = re.compile(r"\b(?:INSERT\s+INTO|DELETE\s+FROM|(?<!DO )(?<!FOR )UPDATE)\s+([a-z_]+)")

LEASE = "one process at a time, by lease; what was sent and not noted is sent again, with the same id"
CONDITION = "the write has the condition of the read, and its count decides"
NAMED = "the read only says whether the row exists; the write sets what was asked for, whatever was there"
AGAIN = "done again after a death, with the same outcome"
BOUND = "a bound that as many may pass by one as write at once; each lets the oldest row go, whichever that is then"
ARGUED = {  # (file, function, table): why. This list shrinks: a condition or a lock in the statement is better than a reason.
    ("agency/account_validity.py", "renew", "account_validity"): AGAIN,
    ("agency/announcements.py", "send_waiting", "announcement_queue"): f"{AGAIN}: `once` is the transaction id",
    (
        "agency/former_accounts.py",
        "reactivate",
        "former_accounts",
    ): "whether a guest is invited anew; the row is taken whole after",
    ("agency/organisations.py", "add", "organisation_addresses"): "the pattern is the key: two at once, and one is refused",
    ("agency/read_guard.py", "_judge", "read_guard_alerts"): "alarms are counted an hour; one too many is harmless",
    ("agency/retention.py", "_erase_events", "encrypted_files"): f"{AGAIN}: the files go first",
    ("agency/sponsors.py", "arrived", "guest_invitations"): AGAIN,
    ("agency/sponsors.py", "give", "guests"): NAMED,
    ("agency/sponsors.py", "tend_guests", "guests"): "reminders: a condition in the write, one commit with the mail",
    ("agency/sponsors.py", "promote", "guests"): AGAIN,
    ("agency/sponsors.py", "set_end", "guests"): NAMED,
    ("agency/sponsors.py", "take_over", "guests"): CONDITION,
    ("homeserver/accounts/rendezvous.py", "put", "rendezvous"): CONDITION,
    ("homeserver/accounts/second_factors.py", "check_passkey", "passkeys"): "the challenge counts once: DELETE … RETURNING",
    (
        "homeserver/accounts/sessions.py",
        "_end_family",
        "refresh_tokens",
    ): "the count decides, behind a lock of the account's tokens",
    ("homeserver/accounts/sessions.py", "_load", "access_tokens"): "the old pair ends; what was heard meanwhile is read again",
    ("homeserver/accounts/sessions.py", "end", "access_tokens"): "only who is told why they end is read",
    ("homeserver/accounts/sessions.py", "refresh", "refresh_tokens"): "`rotate` reads the row again, behind a lock",
    ("homeserver/accounts/store.py", "fill_lookup_hashes", "threepids"): AGAIN,
    ("homeserver/accounts/uia.py", "require", "uia_sessions"): CONDITION,
    ("homeserver/actions/set_profile_field.py", "_carry", "profile_carries"): CONDITION,
    ("homeserver/actions/sign_in_upstream.py", "__call__", "upstream_links"): CONDITION,
    ("homeserver/accounts/api/device_management.py", "update", "devices"): CONDITION,
    ("homeserver/database/migrations.py", "migrate", "schema_migrations"): "behind a lock of the session",
    ("homeserver/modules/delayed_events/delayed_events.py", "sign_out", "delayed_events"): CONDITION,
    (
        "homeserver/modules/end_to_end_encryption/keys.py",
        "_one_time_keys",
        "one_time_keys",
    ): "a key that is there stays; one that was claimed meanwhile is taken out again",
    ("homeserver/modules/end_to_end_encryption/keys.py", "upload", "one_time_keys"): "likewise",
    ("homeserver/modules/hosted_domains/hosted_domains.py", "_go_on_from", "rooms"): "in one transaction, beside no server",
    ("homeserver/modules/key_backup/key_backup.py", "delete", "key_backups"): NAMED,
    ("homeserver/modules/key_backup/key_backup.py", "delete_version", "key_backups"): NAMED,
    ("homeserver/modules/key_backup/key_backup.py", "update_version", "key_backups"): NAMED,
    ("homeserver/modules/media/media.py", "delete", "media"): AGAIN,
    ("homeserver/modules/room_purges/room_purges.py", "_delete_all", "events"): f"{LEASE}: deletes until nothing is left",
    ("homeserver/modules/room_purges/room_purges.py", "_delete_events", "events"): f"{LEASE}: deletes until nothing is left",
    ("homeserver/modules/room_purges/room_purges.py", "go_on", "room_purges"): LEASE,
    ("homeserver/modules/room_purges/room_purges.py", "go_on", "rooms"): f"{LEASE}: deletes until nothing is left",
    ("homeserver/modules/to_device/to_device.py", "shed", "to_device"): AGAIN,
    ("homeserver/rooms/remote/pdu_queues.py", "_answer", "federation_inbox"): BOUND,
    ("homeserver/rooms/remote/pdu_queues.py", "_keep", "federation_inbox"): BOUND,
    ("homeserver/rooms/remote/pdu_queues.py", "_receive_due", "federation_inbox"): f"{AGAIN}: an event has one id",
    ("homeserver/rooms/remote/outliers.py", "adopt", "events"): CONDITION,
    ("homeserver/senders/appservices.py", "_serve", "appservice_transactions"): LEASE,
    ("homeserver/senders/federation/destination.py", "_collapse", "federation_queue"): AGAIN,
    ("homeserver/senders/federation/destination.py", "run", "federation_queue"): LEASE,
    ("homeserver/senders/push/deliver.py", "_in_order", "push_queue"): LEASE,
    ("homeserver/senders/push/deliver.py", "_serve", "push_queue"): LEASE,
}
Methods = dict[str, ast.AsyncFunctionDef]


def test_whatever_is_read_and_then_written_says_why_it_may_be() -> None:
    found = set(_findings())
    assert found == ARGUED.keys(), (
        "put the condition or the lock into the statement; where that is not needed, say here why",
        found ^ ARGUED.keys(),
    )


def _findings() -> Iterator[tuple[str, str, str]]:
    for path in SOURCE.rglob("*.py"):
        for scope in ast.walk(ast.parse(path.read_text())):
            if isinstance(scope, ast.ClassDef | ast.Module):
                methods = {f.name: f for f in scope.body if isinstance(f, ast.AsyncFunctionDef)}
                for name, function in methods.items():
                    for table in _written_after_read(function, Scope(methods, _stores_of(scope))):
                        yield str(path.relative_to(SOURCE)), name, table


@dataclass(frozen=True)
class Scope:
    """What a function may call that has SQL: methods of its class, and by attribute of `self` the stores that it holds."""

    methods: Methods
    stores: dict[str, Methods]


@cache
def _stores() -> dict[str, Methods]:
    """By class: the statements of those that stand in a file "SQL of …". Under "": its functions."""
    found: dict[str, Methods] = {"": {}}
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        if (ast.get_docstring(tree) or "").startswith("SQL of "):
            for part in tree.body:
                if isinstance(part, ast.ClassDef):
                    found[part.name] = {f.name: f for f in part.body if isinstance(f, ast.AsyncFunctionDef)}
                elif isinstance(part, ast.AsyncFunctionDef):
                    found[""][part.name] = part
    return found


@cache
def _classes() -> dict[str, ast.ClassDef]:
    """Those of stores."""
    trees = (ast.parse(path.read_text()) for path in SOURCE.rglob("*.py"))
    return {
        part.name: part for tree in trees for part in tree.body if isinstance(part, ast.ClassDef) and part.name in _stores()
    }


def _stores_of(scope: ast.ClassDef | ast.Module) -> dict[str, Methods]:
    """By attribute: the stores that a class makes, or is given, in its constructor, and those that they hold."""
    made = next((f for f in scope.body if isinstance(f, ast.FunctionDef) and f.name == "__init__"), None)
    if made is None:
        return {}
    given = {a.arg: ast.unparse(a.annotation) for a in (*made.args.args, *made.args.kwonlyargs) if a.annotation is not None}
    found = {
        ast.unparse(target): name
        for target, value in _assignments(made)
        if (name := given.get(value.id) if isinstance(value, ast.Name) else _called(value)) in _stores() and name
    }
    held = {
        of + attribute.removeprefix("self"): methods
        for of, name in found.items()
        for attribute, methods in _stores_of(_classes()[name]).items()
    }
    return {of: _stores()[name] for of, name in found.items()} | held


def _assignments(function: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            target = node.targets[0]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                yield from zip(target.elts, node.value.elts, strict=True)
            else:
                yield target, node.value


def _called(value: ast.expr) -> str | None:
    """The class that is made, where it is one."""
    return value.func.id if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) else None


def _written_after_read(function: ast.AsyncFunctionDef, scope: Scope) -> set[str]:
    read: set[str] = set()
    written: set[str] = set()
    for sql in _statements(function, scope, 1):
        if LOCKS.search(sql):
            break
        if tables := set(WRITES.findall(sql)):
            written |= read & tables if "ON CONFLICT" not in sql else set()
        else:
            read |= set(READS.findall(sql))
    return written


def _statements(function: ast.AsyncFunctionDef, scope: Scope, deeper: int) -> Iterator[str]:
    """The SQL of a function in the order of its lines, with that of its own methods, and of stores."""
    own = {ast.unparse(t): _stores()[name] for t, v in _assignments(function) if (name := _called(v)) in _stores() and name}
    for call in sorted((n for n in ast.walk(function) if isinstance(n, ast.Call)), key=lambda n: (n.lineno, n.col_offset)):
        of, _, name = ast.unparse(call.func).rpartition(".")
        store = own.get(of) or scope.stores.get(of) or _stores().get(of.partition("(")[0], {})
        at = ASKS.get(name) if of else READERS.get(name)
        if at is not None and len(call.args) > at:
            parts = (n.value for n in ast.walk(call.args[at]) if isinstance(n, ast.Constant))
            yield " ".join(part for part in parts if isinstance(part, str))
        elif name in store:
            yield from _statements(store[name], Scope({}, {}), 0)
        elif deeper and of == "self" and name in scope.methods:
            yield from _statements(scope.methods[name], scope, deeper - 1)
