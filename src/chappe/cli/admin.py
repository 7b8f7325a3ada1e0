"""`chappe admin`: accounts, domains and registration tokens, beside a running server or without one."""

from __future__ import annotations

import datetime
import getpass
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from chappe.agency.app import AgencyServer
from chappe.agency.audit import HIDDEN, Audit, failure_of, write_entry
from chappe.agency.audit_ledger import audit_files
from chappe.agency.tables import ALL as TABLES
from chappe.cli.node import offline_node, run, unstarted_database
from chappe.homeserver.accounts.ways_to_act import AccountState
from chappe.homeserver.app import Homeserver
from chappe.homeserver.database.server_time import wall_now_ms
from chappe.homeserver.modules.hosted_domains.hosted_domains import HostedDomains, import_domain
from chappe.homeserver.outbound.blob_store import open_blobs
from chappe.matrix.email_address import parse_email
from chappe.matrix.errors import NotFound
from chappe.matrix.identifiers import UserId

T = TypeVar("T")
app = typer.Typer(help="Administration.", no_args_is_help=True)
user_app = typer.Typer(help="Accounts.", no_args_is_help=True)
domain_app = typer.Typer(help="Hosted domains.", no_args_is_help=True)
token_app = typer.Typer(help="Registration tokens.", no_args_is_help=True)
app.add_typer(user_app, name="user")
app.add_typer(domain_app, name="domain")
app.add_typer(token_app, name="token")

Data = Annotated[Path, typer.Option("--data", help="The server's data folder.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="Its configuration file.")]
Name = Annotated[str, typer.Argument(help="A name such as alice, or a whole address such as @alice:example.org.")]
Password = Annotated[str | None, typer.Option(help="Asked for, or read from standard input, where it is not given.")]


def who() -> str:
    """Whom the audit log names for what is done on the command line."""
    return f"command line ({getpass.getuser()})"


def with_node(data: Path, config: Path | None, act: Callable[[Homeserver], Awaitable[T]], *, does: str | None) -> T:
    """Runs a command on a node. `does`: the act of administration that it is, as at every door, which is written into the audit
    log before it is done; None: it only shows something, or what it does is written down by itself.
    """

    async def go() -> T:
        async with offline_node(data.resolve(), config) as node:
            if does is None:
                return await act(node)
            detail = {"arguments": _without_passwords(sys.argv[1:])}
            await audit_of(node).record(who(), does, detail)
            try:
                return await act(node)
            except Exception as error:
                await audit_of(node).record(who(), does, {**detail, "outcome": failure_of(error)})
                raise

    return run(go())


def audit_of(node: Homeserver) -> Audit:
    assert isinstance(node, AgencyServer)  # what the command line opens
    return node.audit


def _without_passwords(arguments: list[str]) -> list[str]:
    kept: list[str] = []
    for argument in arguments:
        is_value = bool(kept) and kept[-1] == "--password"
        kept.append(HIDDEN if is_value else f"--password={HIDDEN}" if argument.startswith("--password=") else argument)
    return kept


def _user_id(node: Homeserver, name: str) -> UserId:
    return UserId(name) if name.startswith("@") else UserId(f"@{name.lower()}:{node.domains.default}")


async def existing(node: Homeserver, name: str) -> UserId:
    user_id = _user_id(node, name)
    if await node.accounts.store.find_user(user_id) is None:
        raise NotFound(f"There is no account {user_id}")
    return user_id


def _ask_password(given: str | None) -> str:
    if given is not None:
        return given
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


@user_app.command("add")
def user_add(
    name: Name,
    password: Password = None,
    admin: Annotated[bool, typer.Option("--admin", help="May administer the server.")] = False,
    email: Annotated[str | None, typer.Option(help="An address the person can sign in with.")] = None,
    data: Data = Path("data"),
    config: ConfigFile = None,
) -> None:
    """Create an account."""
    address = parse_email(email) if email is not None else None
    secret = _ask_password(password)

    async def act(node: Homeserver) -> None:
        user_id = node.accounts.user_id_for(name, node.domains.default)
        await node.accounts.register(user_id, secret, is_admin=admin)
        if address is not None:
            await node.bind_threepid(user_id, "email", address, node.now_ms())
        print(f"Created {user_id}{' (administrator)' if admin else ''}.")

    with_node(data, config, act, does="make_administrator" if admin else "add_account")


@user_app.command("list")
def user_list(
    domain: Annotated[str | None, typer.Option(help="Only this domain.")] = None,
    data: Data = Path("data"),
    config: ConfigFile = None,
) -> None:
    """List accounts."""

    async def act(node: Homeserver) -> None:
        for user in await node.accounts.store.list_users(domain):
            marks = [
                w for w, on in (("admin", user.is_admin), ("guest", user.is_guest), ("deactivated", user.deactivated)) if on
            ]
            print(f"{user.user_id}\t{user.created:%Y-%m-%d}\t{' '.join(marks)}".rstrip())

    with_node(data, config, act, does=None)


@user_app.command("deactivate")
def user_deactivate(
    name: Name,
    erase: Annotated[bool, typer.Option("--erase", help="Also mark the person's messages for erasure.")] = False,
    data: Data = Path("data"),
    config: ConfigFile = None,
) -> None:
    """End an account for good: it is signed out everywhere and leaves its rooms."""

    async def act(node: Homeserver) -> None:
        user_id = await existing(node, name)
        await node.deactivate_account(user_id, erase)
        print(f"Deactivated {user_id}.")

    with_node(data, config, act, does="erase" if erase else "deactivate")


@user_app.command("password")
def user_password(
    name: Name,
    password: Password = None,
    keep_sessions: Annotated[bool, typer.Option("--keep-sessions", help="Do not sign the person out.")] = False,
    data: Data = Path("data"),
    config: ConfigFile = None,
) -> None:
    """Set a new password; the person is signed out everywhere."""
    secret = _ask_password(password)

    async def act(node: Homeserver) -> None:
        user_id = await existing(node, name)
        await node.accounts.change(user_id, password=secret)
        if not keep_sessions:
            await node.account_states.enter(user_id, AccountState.SIGNED_OUT_EVERYWHERE)
        print(f"Changed the password of {user_id}.")

    with_node(data, config, act, does="reset_password")


@user_app.command("admin")
def user_admin(
    name: Name,
    revoke: Annotated[bool, typer.Option("--revoke", help="Take the right away.")] = False,
    data: Data = Path("data"),
    config: ConfigFile = None,
) -> None:
    """Make somebody an administrator of the server, or no longer one."""

    async def act(node: Homeserver) -> None:
        user_id = await existing(node, name)
        await node.accounts.change(user_id, is_admin=not revoke)
        print(f"{user_id} is {'no longer' if revoke else 'now'} an administrator.")

    with_node(data, config, act, does="unmake_administrator" if revoke else "make_administrator")


@domain_app.command("add")
def domain_add(name: str, data: Data = Path("data"), config: ConfigFile = None) -> None:
    """Host another domain; a running server knows it within ten seconds."""

    async def act(node: Homeserver) -> None:
        added = await node.domains.add(name)
        print(f"{name} is hosted here{'' if added else ' already'}.")

    with_node(data, config, act, does="add_domain")


@domain_app.command("rotate-key")
def domain_rotate_key(name: str, data: Data = Path("data"), config: ConfigFile = None) -> None:
    """Sign with a new key from now on; the old one stays published for what it has signed."""

    async def act(node: Homeserver) -> None:
        print(f"{name} signs with {await node.domains.rotate_key(name, node.now_ms())} from now on.")

    with_node(data, config, act, does="rotate_domain_key")


@domain_app.command("export")
def domain_export(
    name: str,
    folder: Annotated[Path, typer.Option("--to", help="A folder that does not exist yet.")],
    moves_out: Annotated[bool, typer.Option("--move-out", help="From this moment on it is not hosted here any more.")] = False,
    data: Data = Path("data"),
    config: ConfigFile = None,
) -> None:
    """Write everything of a hosted domain into a folder: accounts, rooms with their history, files, keys."""

    async def act(node: Homeserver) -> None:
        domains = HostedDomains(node.database, node.writer, node.domains, node.blobs, node.tables, node.rooms)
        counts = await domains.export(name, folder, moves_out)
        print(f"{counts['users']} accounts, {counts['rooms']} rooms, {counts['events']} events of {name} are in {folder}.")
        if moves_out:
            print(f"{name} is no longer hosted here. Bring it up elsewhere with `chappe admin domain import`.")

    with_node(data, config, act, does="export_domain")


@domain_app.command("import")
def domain_import(
    folder: Annotated[Path, typer.Argument(help="What `chappe admin domain export` has written.")],
    data: Data = Path("data"),
    config: ConfigFile = None,
) -> None:
    """Bring an exported domain up in an installation of its own, which must be new and not running."""

    async def go() -> None:
        async with unstarted_database(data.resolve(), config) as (settings, connection):
            blobs = open_blobs(settings.media, str(data.resolve() / "media"))
            counts = await import_domain(connection, blobs, folder, TABLES)
            keys, ledger = audit_files(settings.administration, data.resolve())
            async with connection.transaction():
                detail = {"arguments": _without_passwords(sys.argv[1:])}
                noted = await write_entry(connection, keys, wall_now_ms(), who(), "import_domain", detail)
            ledger.note(*noted)
        print(f"{counts['users']} accounts, {counts['rooms']} rooms, {counts['events']} events are here. Start the server.")

    run(go())


@domain_app.command("list")
def domain_list(data: Data = Path("data"), config: ConfigFile = None) -> None:
    """List the hosted domains, the default first."""

    async def act(node: Homeserver) -> None:
        print("\n".join(node.domains.names()))

    with_node(data, config, act, does=None)


@token_app.command("add")
def token_add(
    token: Annotated[str | None, typer.Argument(help="The token (default: a random one).")] = None,
    uses: Annotated[int | None, typer.Option(help="How often it can be used.", min=1)] = None,
    days: Annotated[int | None, typer.Option(help="How long it is valid.", min=1)] = None,
    data: Data = Path("data"),
    config: ConfigFile = None,
) -> None:
    """Create a token with which people can register (registration.by_token must be on)."""

    async def act(node: Homeserver) -> None:
        expires = None if days is None else node.now_ms() + days * 86_400_000
        print(await node.accounts.registration_tokens.add(token, uses, expires))

    with_node(data, config, act, does="add_registration_token")


@token_app.command("list")
def token_list(data: Data = Path("data"), config: ConfigFile = None) -> None:
    """List registration tokens."""

    async def act(node: Homeserver) -> None:
        for row in await node.accounts.registration_tokens.all():
            limit = "unlimited" if row["uses_allowed"] is None else row["uses_allowed"]
            when = datetime.datetime.fromtimestamp(row["expires_ts"] / 1000, datetime.UTC) if row["expires_ts"] else None
            print(f"{row['token']}\tused {row['used']} of {limit}\t{f'until {when:%Y-%m-%d}' if when else ''}".rstrip())

    with_node(data, config, act, does=None)


@token_app.command("remove")
def token_remove(token: str, data: Data = Path("data"), config: ConfigFile = None) -> None:
    """Delete a registration token."""

    async def act(node: Homeserver) -> None:
        if not await node.accounts.registration_tokens.remove(token):
            raise NotFound("There is no such token")
        print("Removed.")

    with_node(data, config, act, does="remove_registration_token")


@app.command("notice")
def notice(
    name: Name, text: Annotated[str, typer.Argument(help="What to say.")], data: Data = Path("data"), config: ConfigFile = None
) -> None:
    """Writes to somebody in the name of the service."""

    async def act(node: Homeserver) -> None:
        await node.server_notices.send(await existing(node, name), text)

    with_node(data, config, act, does="send_notice")
    typer.echo("Sent.")


@app.command("reports")
def reports(data: Data = Path("data"), config: ConfigFile = None) -> None:
    """Lists what people have reported, the newest first."""

    async def act(node: Homeserver) -> list[str]:
        lines = []
        for row in await node.reports.latest():
            when = datetime.datetime.fromtimestamp(row.received_ts / 1000, datetime.UTC).isoformat(" ", "minutes")
            what = " ".join(filter(None, (row.user_id, row.event_id, row.room_id)))
            lines.append(f"{when}  {row.reporter} reports {what}: {row.reason or 'no reason given'}")
        return lines

    for line in with_node(data, config, act, does=None) or ["Nothing has been reported."]:
        typer.echo(line)
