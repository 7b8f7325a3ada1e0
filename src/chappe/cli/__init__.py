"""The command line: `chappe serve`, `chappe gateway`, `chappe admin …`, `chappe media …`, `chappe config check`."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version

import typer

from chappe.cli import admin, audit, clock, console, export, federation, gateway, media, organisation, serve
from chappe.config import ConfigError
from chappe.homeserver.accounts.application_services import RegistrationError
from chappe.homeserver.database.data_directory import DataDirectoryInUse
from chappe.homeserver.database.embedded_folder import DatabaseFolderRefused
from chappe.homeserver.database.migrations import MigrationError
from chappe.homeserver.database.requirements import DatabaseRefused
from chappe.matrix.errors import MatrixError

STARTS_REFUSED = (ConfigError, DataDirectoryInUse, DatabaseFolderRefused, DatabaseRefused, MigrationError, RegistrationError)
app = typer.Typer(
    help="Chappe: a sovereign messenger for public administrations.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.command("serve")(serve.serve)
app.command("gateway")(gateway.gateway)
app.add_typer(serve.config_app, name="config")
admin.app.add_typer(audit.app, name="audit")
admin.app.add_typer(export.app, name="export")
admin.app.add_typer(clock.app, name="clock")
admin.app.command("act")(console.act)
admin.app.command("actions")(console.actions)
admin.app.command("show")(console.show)
admin.app.add_typer(federation.app, name="federation")
admin.app.add_typer(organisation.app, name="organisation")
app.add_typer(admin.app, name="admin")
app.add_typer(media.app, name="media")


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"Chappe {version('chappe')}")
        raise typer.Exit


@app.callback()
def options(
    tell_version: bool = typer.Option(
        False, "--version", callback=_tell_version, is_eager=True, help="Says which version this is."
    ),
) -> None:
    """Chappe: a sovereign messenger for public administrations."""


def main() -> None:
    """Mistakes that a person can mend are told in a sentence, without a traceback. What is written is for its owner alone."""
    os.umask(0o077)
    try:
        app()
    except STARTS_REFUSED as error:
        sys.exit(f"chappe: {error}")
    except MatrixError as error:
        sys.exit(f"chappe: {error.message}")
    except OSError as error:
        sys.exit(f"chappe: {error}")
