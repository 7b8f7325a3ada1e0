"""`chappe media`: where files are stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chappe.cli.admin import ConfigFile, Data, with_node
from chappe.homeserver.app import Homeserver, open_blobs

app = typer.Typer(help="Files.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Files."""


@app.command("migrate")
def migrate(
    target: Annotated[str, typer.Argument(help="A folder, or s3://bucket/prefix.")],
    data: Data = Path("data"),
    config: ConfigFile = None,
) -> None:
    """Copies every file to another place, beside a running server. What was copied before is not copied again.

    Then set `media.location` to the new place, start again, and run it once more for what came in between.
    """

    async def go(node: Homeserver) -> tuple[int, int]:
        files = size = 0
        destination = open_blobs(node.config.media, "", target)
        async for _, copied in node.blobs.copy_all(destination):
            files, size = files + 1, size + copied
        return files, size

    files, size = with_node(data, config, go, does="move_files")
    typer.echo(f"{files} files, {size} bytes copied to {target}. Now set media.location, and start the server again.")
