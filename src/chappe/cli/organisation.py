"""`chappe admin organisation`: the registry of organisations (`[agency]`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chappe.agency.app import AgencyServer
from chappe.agency.names import display_name, localpart_of_address
from chappe.agency.organisations import Organisation, Organisations, Rules
from chappe.cli.admin import ConfigFile, Data, with_node
from chappe.homeserver.app import Homeserver

app = typer.Typer(help="Organisations and their e-mail domains.", no_args_is_help=True)


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="A short name, such as culture.")],
    address: Annotated[
        list[str], typer.Option("--address", help="A domain, `*.domain`, one address, or `*` for everybody else.")
    ],
    label: Annotated[str | None, typer.Option(help="How it is shown behind names (default: the name, capitalised).")] = None,
    home: Annotated[str | None, typer.Option(help="The server that its accounts are on (default: this one).")] = None,
    by_invitation: Annotated[bool, typer.Option("--by-invitation", help="Only who has been invited may sign up.")] = False,
    colour: Annotated[str | None, typer.Option(help="Of its brand, for those who are signed in, such as #000091.")] = None,
    guests: Annotated[bool, typer.Option(help="Whether its people invite guests.")] = True,
    forums: Annotated[bool, typer.Option(help="Whether its people make forums.")] = True,
    guest_days: Annotated[int, typer.Option(help="How long its guests may stay; 0: as everywhere.", min=0)] = 0,
    data: Data = Path("data"),
    config: ConfigFile = None,
) -> None:
    """Add an organisation, or change it. It counts at once."""

    async def act(node: Homeserver) -> None:
        organisation = Organisation(
            name,
            label or name[:1].upper() + name[1:],
            home or node.domains.default,
            by_invitation,
            address,
            colour,
            Rules(guests, forums, guest_days),
        )
        is_new = await Organisations(node.database).add(organisation)
        if isinstance(node, AgencyServer) and node.agency is not None:
            for guest in await node.sponsors.promote():
                print(f"{guest} is an agent now.")
            await node.set_profile_field.wait()
        print(f"{organisation.label} has been {'added' if is_new else 'changed'}: {', '.join(address)} → {organisation.home}")
        if isinstance(node, AgencyServer) and node.agency is None:
            print("It counts once the public-sector layer is on: set `enabled = true` in [agency].")

    with_node(data, config, act, does="set_organisation")


@app.command("list")
def list_all(data: Data = Path("data"), config: ConfigFile = None) -> None:
    """List the organisations."""

    async def act(node: Homeserver) -> None:
        for one in await Organisations(node.database).all():
            invited = " (by invitation)" if one.requires_invite else ""
            print(f"{one.name}: {one.label}, on {one.home}{invited}: {', '.join(one.patterns)}")

    with_node(data, config, act, does=None)


@app.command("remove")
def remove(name: str, data: Data = Path("data"), config: ConfigFile = None) -> None:
    """Remove an organisation: its people keep their accounts, nobody gets a new one."""

    async def act(node: Homeserver) -> None:
        await Organisations(node.database).remove(name)
        print(f"{name} has been removed.")

    with_node(data, config, act, does="remove_organisation")


@app.command("test")
def test(address: str, data: Data = Path("data"), config: ConfigFile = None) -> None:
    """Tell what would become of somebody with an address."""

    async def act(node: Homeserver) -> None:
        found = await Organisations(node.database).of_address(address)
        if found is None:
            print(f"No organisation uses {address}: nobody can sign up with it.")
            return
        who = f"@{localpart_of_address(address)}:{found.home}, {display_name(address, found.label)}"
        print(f"{address} is of {found.label}: {who}{', once invited' if found.requires_invite else ''}.")

    with_node(data, config, act, does=None)
