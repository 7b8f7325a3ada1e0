"""`chappe admin federation`: other servers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chappe.cli.admin import ConfigFile, Data, with_node
from chappe.homeserver.app import Homeserver
from chappe.homeserver.matrix.identifiers import parse_server_name
from chappe.homeserver.outbound.federation.probe import Step, probe

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

    steps = with_node(data, config, act)
    for step in steps:
        typer.echo(f"{'ok  ' if step.is_good else 'no  '}{step.text}")
    if not steps[-1].is_good:
        raise typer.Exit(1)
