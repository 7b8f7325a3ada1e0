"""`chappe serve` and `chappe config check`."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from chappe.agency.app import AgencyServer
from chappe.cli.node import CONFIG_NAME, create_config, read_config, run
from chappe.config import Config, dev_config, load_config, warnings_of
from chappe.homeserver.app import Homeserver
from chappe.homeserver.database.data_directory import DataDirectoryLock
from chappe.homeserver.database.embedded import EmbeddedPostgres
from chappe.homeserver.database.passage import close_folder
from chappe.telemetry import configure_logging

config_app = typer.Typer(help="The configuration file.", no_args_is_help=True)

Data = Annotated[Path, typer.Option("--data", help="Folder for configuration, database and media.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help=f"Configuration file (default: {CONFIG_NAME} in --data).")]


def serve(
    data: Data = Path("data"),
    config: ConfigFile = None,
    port: Annotated[int | None, typer.Option(help="Port of the first listener (0: any free one).", min=0, max=65535)] = None,
    address: Annotated[str | None, typer.Option(help="Address of the first listener.")] = None,
    server_name: Annotated[str, typer.Option(help="The server's name, at first start.")] = "localhost",
    dev: Annotated[bool, typer.Option("--dev", help="A throw-away server: open registration, no limits.")] = False,
) -> None:
    """Start the homeserver. The first start creates the data folder and a commented configuration file."""
    data = data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    if dev:
        settings = dev_config(server_name)
    else:
        if config is None:
            create_config(data, server_name, address or "127.0.0.1", port if port is not None else 8008)
        settings = read_config(data, config)
    first = msgspec.structs.replace(
        settings.listeners[0],
        port=settings.listeners[0].port if port is None else port,
        address=settings.listeners[0].address if address is None else address,
    )
    settings = msgspec.structs.replace(settings, listeners=[first, *settings.listeners[1:]])
    configure_logging(settings.log_level)
    run(_serve(data, settings))


async def _serve(data: Path, config: Config) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    lock = DataDirectoryLock(data)
    lock.acquire()
    location = config.media.location
    for folder in (data, Path(location) if location and "://" not in location else data / "media"):
        if folder.exists():
            close_folder(folder)
    postgres = EmbeddedPostgres(data / "postgres") if config.database is None else None
    try:
        if postgres is not None:
            await postgres.start()
        node = AgencyServer(config, data, postgres.url if postgres else config.database or "")
        try:
            await node.start()
            await _greet(node, data)
            # what exists now lives as long as the process: keep it out of every garbage collection
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 20, 50)
            await stop.wait()
        finally:
            logging.getLogger(__name__).info("stopping")
            await node.stop()
    finally:
        if postgres is not None:
            await postgres.stop()
        lock.release()


async def _greet(node: Homeserver, data: Path) -> None:
    addresses = ", ".join(listener.url for listener in node.listeners)
    lines = [f"Chappe serves {', '.join(node.domains.names())} at {addresses}"]
    token = await node.accounts.first_administrator_token()
    if token is not None and not node.config.registration.open:
        lines.append("No account exists yet. Create the first administrator with")
        lines.append(f"    chappe admin user add NAME --admin --data {data}")
        lines.append(f"or register in any Matrix client with the registration token {token}")
    print("\n".join(lines), flush=True)


@config_app.command("check")
def check(data: Data = Path("data"), config: ConfigFile = None) -> None:
    """Check the configuration file; a mistake is reported with its line."""
    path = config or data / CONFIG_NAME
    for warning in warnings_of(load_config(path)):
        print(f"Warning: {warning}.", file=sys.stderr)
    print(f"{path} is valid.", file=sys.stdout)
