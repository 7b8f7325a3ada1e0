"""`chappe media`: where files are stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chappe.cli.admin import ConfigFile, Data, with_node
from chappe.homeserver.app import Homeserver
from chappe.homeserver.modules.media.orphans import OrphanFiles
from chappe.homeserver.outbound.blob_store import open_blobs

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


@app.command("orphans")
def orphans(
    remove: Annotated[bool, typer.Option("--remove", help="Remove them, however many they are.")] = False,
    data: Data = Path("data"),
    config: ConfigFile = None,
) -> None:
    """Shows the files that nothing names: of uploads that died before they were acknowledged. They are older than a day.

    The server removes them by itself every day, unless they are suspiciously many: then look first whether its database is the
    right one.
    """

    async def go(node: Homeserver) -> tuple[OrphanFiles, int]:
        found = await node.orphans.find()
        return found, await node.orphans.remove(found.keys) if remove else 0

    found, removed = with_node(data, config, go, does="delete_file" if remove else None)
    for key in found.keys:
        typer.echo(key)
    typer.echo(f"{len(found.keys)} of {found.seen} files have no row ({found.size} bytes). {removed} were removed.")


@app.command("missing")
def missing(data: Data = Path("data"), config: ConfigFile = None) -> None:
    """Shows the files that are gone or cut short, though they are listed: put them back from a backup."""
    for uri in with_node(data, config, lambda node: node.orphans.find_missing(), does=None):
        typer.echo(uri)
