"""`chappe admin clock`: what the server believes about the time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import typer

from chappe.cli.admin import ConfigFile, Data, with_node
from chappe.homeserver.app import Homeserver

app = typer.Typer(help="The time, and whether it is believed.", no_args_is_help=True)


@app.command("show")
def show(data: Data = Path("data"), config: ConfigFile = None) -> None:
    """Says what time it is for the server, and what speaks against it."""

    async def act(node: Homeserver) -> list[str]:
        doubt = await node.time_evidence.doubt_now()
        return [
            f"The database's clock says {_words(node.time.now_ms())}; this machine's is {node.time.skew_ms / 1000:+.1f} s from it.",
            "Nothing speaks against it." if doubt is None else f"It is in doubt: {doubt}. Nothing is erased or ended.",
        ]

    for line in with_node(data, config, act, does=None):
        typer.echo(line)


@app.command("confirm")
def confirm(data: Data = Path("data"), config: ConfigFile = None) -> None:
    """Says that the database's clock is right: what was held back goes on."""

    async def act(node: Homeserver) -> int:
        return await node.time_evidence.confirm()

    typer.echo(f"It is {_words(with_node(data, config, act, does='confirm_time'))}. Erasing and ending go on.")


def _words(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
