"""`chappe gateway`: the border gateway."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from chappe.cli.node import run
from chappe.config import GatewaySettings
from chappe.homeserver.app.gateway import Gateway
from chappe.homeserver.gateway.settings import load_settings
from chappe.telemetry import configure_logging


def gateway(config: Annotated[Path, typer.Option("--config", help="The gateway's configuration file.")]) -> None:
    """Stand between an inner server and others: known requests of pinned servers pass, nothing else (docs/operator.md)."""
    settings = load_settings(config)
    configure_logging(settings.log_level)
    run(_serve(settings))


async def _serve(settings: GatewaySettings) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    node = Gateway(settings)
    await node.start()
    addresses = ", ".join(listener.url for listener in node.listeners)
    proxy = f"; proxy for the way out on port {node.proxy_port}" if node.proxy_port else ""
    print(f"Chappe's gateway to {settings.inner} at {addresses}{proxy}", flush=True)
    try:
        await stop.wait()
    finally:
        await node.stop()
