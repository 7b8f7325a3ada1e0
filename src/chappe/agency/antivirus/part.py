"""The antivirus as parts of a node: where an engine is set up, and where files are only fetched for clients that ask."""

from __future__ import annotations

from chappe.agency.antivirus.attachments import Envelope
from chappe.agency.antivirus.engines import engine_of
from chappe.agency.antivirus.media_proxy import AntivirusAdmin, MediaProxy
from chappe.agency.antivirus.scanner import Scanner, Unscanned
from chappe.config import Antivirus
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.secrets import Secrets
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.load.tasks import Tasks
from chappe.homeserver.modules.media.media import ContentRepository, Scanning
from chappe.homeserver.part import Part


def scanner(database: Database, settings: Antivirus, now_ms: NowMs, tasks: Tasks) -> Scanner:
    assert settings.engine is not None
    return Scanner(database, engine_of(settings.engine), settings, now_ms, tasks)


def scanning(scanner: Scanner) -> Scanning:
    return scanner


def envelope(secrets: Secrets) -> Envelope:
    return Envelope(secrets.scanner)


def media_proxy(scanner: Scanner | None, repository: ContentRepository, envelope: Envelope) -> MediaProxy:
    return MediaProxy(scanner or Unscanned(), repository, envelope)


PROXY = Part("media proxy", gives=(envelope,), endpoints=(media_proxy,))
ANTIVIRUS = Part("antivirus", gives=(scanner,), replaces=(scanning,), endpoints=(AntivirusAdmin,))
