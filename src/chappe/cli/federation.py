"""`chappe admin federation`: other servers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chappe.cli.admin import ConfigFile, Data, with_node
from chappe.homeserver.app import Homeserver
from chappe.homeserver.database.server_time import wall_now_ms as now_ms
from chappe.homeserver.outbound.federation.destinations import (
    DestinationState,
    describe,
    destination_states,
    forget_failures,
    waiting_for_their_past,
)
from chappe.homeserver.outbound.federation.probe import Step, probe
from chappe.matrix.identifiers import parse_server_name

app = typer.Typer(help="Other servers.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Other servers."""


@app.command("test")
def test(
    server: Annotated[str, typer.Argument(help="A server name, such as example.org.")],
    domain: Annotated[str | None, typer.Option(help="The hosted domain to ask as; the first one by default.")] = None,
    data: Data = Path("data"),
    config: ConfigFile = None,
) -> None:
    """Says step by step whether a server can be reached, and why not."""

    async def act(node: Homeserver) -> list[Step]:
        name = parse_server_name(server.lower())
        origin = domain or node.domains.default
        return await probe(name, origin, node.boundaries, node.federation_client, node.keyring)

    steps = with_node(data, config, act, does=None)
    for step in steps:
        typer.echo(f"{'ok  ' if step.is_good else 'no  '}{step.text}")
    if not steps[-1].is_good:
        raise typer.Exit(1)


@app.command("status")
def status(data: Data = Path("data"), config: ConfigFile = None) -> None:
    """Lists the other servers: what waits for each, and why those that fail cannot be reached."""

    async def act(node: Homeserver) -> tuple[list[DestinationState], int]:
        return await destination_states(node.database), await waiting_for_their_past(node.database)

    states, waiting = with_node(data, config, act, does=None)
    if not states:
        typer.echo("Nothing has been sent to another server yet.")
    for state in states:
        typer.echo(describe(state, now_ms()))
    if waiting:
        typer.echo(f"{waiting} received events wait for the ones before them.")


@app.command("retry")
def retry(
    server: Annotated[str, typer.Argument(help="A server name, such as example.org.")],
    data: Data = Path("data"),
    config: ConfigFile = None,
) -> None:
    """Lets a server that did not answer be tried again now, whatever it is waiting for."""

    async def act(node: Homeserver) -> bool:
        return await forget_failures(node.database, parse_server_name(server.lower()))

    if not with_node(data, config, act, does="retry_server"):
        typer.echo(f"Nothing has been sent to {server} yet.", err=True)
        raise typer.Exit(1)
    typer.echo(f"{server} will be tried again within ten seconds.")
