"""`chappe admin export`: packages that the law asks for, written to a file; and whether one is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chappe.agency.records import bag
from chappe.cli.admin import ConfigFile, Data, Name, existing, with_node
from chappe.cli.console import layer_of
from chappe.homeserver.app import Homeserver
from chappe.matrix.identifiers import parse_room_id

app = typer.Typer(help="Packages for the law: one person's data, a room for the archives.", no_args_is_help=True)
To = Annotated[Path, typer.Option("--to", help="A file that does not exist yet.")]
WithHeld = Annotated[bool, typer.Option("--with-held", help="With what a legal hold has kept aside, for the authority.")]


@app.command("person")
def person(name: Name, to: To, with_held: WithHeld = False, data: Data = Path("data"), config: ConfigFile = None) -> None:
    """Pack everything that the service holds of one person."""

    async def act(node: Homeserver) -> None:
        user_id = await existing(node, name)
        told = await layer_of(node).personal_data.write(user_id, to, with_held)
        print(f"{user_id}: {told['rooms']} rooms, {told['files']} files, in {to}.")

    with_node(data, config, act, does="export_person")


@app.command("room")
def room(room_id: str, to: To, with_held: WithHeld = False, data: Data = Path("data"), config: ConfigFile = None) -> None:
    """Pack a room for the archives: events, files, description, signature."""

    async def act(node: Homeserver) -> None:
        told = await layer_of(node).room_archive.write(parse_room_id(room_id), to, with_held)
        print(f"{room_id}: {told['events']} events, {told['files']} files, in {to}.")

    with_node(data, config, act, does="archive_room")


@app.command("verify")
def verify(
    file: Path,
    key: Annotated[
        list[str] | None, typer.Option(help="A key that is trusted besides this server's: `server ed25519:id base64`.")
    ] = None,
    data: Data = Path("data"),
    config: ConfigFile = None,
) -> None:
    """Check that a package is whole, and who sealed it."""

    async def act(node: Homeserver) -> str:
        keys = {
            (str(name), own.key_id): own.public for name in node.domains.names() for own in (node.domains.signing_key(name),)
        }
        for name in node.domains.names():
            keys |= {(str(name), old.key_id): old.public_key for old in await node.domains.old_keys(name)}
        for trusted in key or ():
            server_name, _, rest = trusted.partition(" ")
            key_id, _, public = rest.partition(" ")
            keys[server_name, key_id] = public
        try:
            return f"Whole, sealed by {bag.verify(file, keys)}."
        except bag.BrokenBag as broken:
            return f"Not whole: {broken}."

    told = with_node(data, config, act, does=None)
    print(told)
    if told.startswith("Not"):
        raise typer.Exit(1)
