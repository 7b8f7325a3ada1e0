"""`chappe admin audit`: what administrators did, and whether the log of it is whole."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated

import typer

from chappe.agency.audit import BrokenChain, Head
from chappe.cli.admin import ConfigFile, Data, audit_of, who, with_node
from chappe.homeserver.app import Homeserver

app = typer.Typer(help="What administrators did.", no_args_is_help=True)


@app.command("list")
def list_all(
    limit: Annotated[int, typer.Option(help="How many, the latest first.", min=1)] = 50,
    data: Data = Path("data"),
    config: ConfigFile = None,
) -> None:
    """List what was done, by whom."""

    async def act(node: Homeserver) -> None:
        for entry in await audit_of(node).entries(None, limit):
            when = datetime.datetime.fromtimestamp(entry["ts"] / 1000, datetime.UTC)
            print(f"{entry['number']}  {when:%Y-%m-%d %H:%M:%S}  {entry['actor']}  {entry['action']}  {entry['detail']}")

    with_node(data, config, act, does=None)


@app.command("verify")
def verify(
    head: Annotated[str | None, typer.Option(help="What an earlier `verify` told: it must still be in the log.")] = None,
    data: Data = Path("data"),
    config: ConfigFile = None,
) -> None:
    """Check that nothing was changed or taken out."""
    known = Head.parse(head) if head is not None else None

    async def act(node: Homeserver) -> Head | BrokenChain:
        try:
            return await audit_of(node).verify(known)
        except BrokenChain as broken:
            return broken

    found = with_node(data, config, act, does=None)
    print(found if isinstance(found, BrokenChain) else f"Whole: {found.number} entries. Head: {found}")
    if isinstance(found, BrokenChain):
        raise typer.Exit(1)


@app.command("rotate-key")
def rotate_key(data: Data = Path("data"), config: ConfigFile = None) -> None:
    """Seal with another key from now on. The key file keeps the former ones, for what they have sealed."""

    async def act(node: Homeserver) -> None:
        await audit_of(node).rotate_key(who())

    with_node(data, config, act, does=None)  # the new key's first entry says so
    print("Another key seals the audit log from now on. Copy the key file to every node, and keep a copy elsewhere.")
