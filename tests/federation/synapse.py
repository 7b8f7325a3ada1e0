"""Synapse, the neighbour that we did not write: a process of its own, on SQLite, reached over TLS like any other server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import aiohttp

from tests.federation.certificates import Authority
from tests.process import free_port
from tests.support import PASSWORD, Person, Reached

PYTHON = Path(__file__).parents[2] / ".venv-synapse" / "bin" / "python"
_FREELY = "{per_second: 1000000, burst_count: 1000000}"

_CONFIG = """
server_name: "localhost:{port}"
pid_file: {folder}/homeserver.pid
listeners:
  - {{port: {client_port}, bind_addresses: ['127.0.0.1'], tls: false, type: http, resources: [{{names: [client], compress: false}}]}}
  - {{port: {port}, bind_addresses: ['127.0.0.1', '::1'], tls: true, type: http, resources: [{{names: [federation, keys, media], compress: false}}]}}
tls_certificate_path: {certificate}
tls_private_key_path: {key}
federation_custom_ca_list: [{authority}]
database: {{name: sqlite3, args: {{database: {folder}/homeserver.db}}}}
log_config: {folder}/log.yaml
media_store_path: {folder}/media
signing_key_path: {folder}/signing.key
registration_shared_secret: secret
macaroon_secret_key: secret
form_secret: secret
report_stats: false
enable_registration: true
enable_registration_without_verification: true
trusted_key_servers: []
ip_range_blacklist: []
suppress_key_server_warning: true
allow_public_rooms_over_federation: true
room_list_publication_rules: [{{action: allow}}]
rc_message: {freely}
rc_registration: {freely}
rc_login: {{address: {freely}, account: {freely}, failed_attempts: {freely}}}
rc_joins: {{local: {freely}, remote: {freely}}}
rc_joins_per_room: {freely}
rc_invites: {{per_room: {freely}, per_user: {freely}, per_issuer: {freely}}}
rc_federation: {{window_size: 1000, sleep_limit: 100000, sleep_delay: 1, reject_limit: 100000, concurrent: 100}}
rc_key_requests: {freely}
rc_room_creation: {freely}
rc_media_create: {freely}
federation: {{destination_min_retry_interval: 1s, destination_retry_multiplier: 2, destination_max_retry_interval: 5s}}
"""
_LOG = """
version: 1
formatters: {{precise: {{format: '%(asctime)s %(name)s %(levelname)s %(request)s %(message)s'}}}}
handlers: {{file: {{class: logging.FileHandler, formatter: precise, filename: {folder}/homeserver.log}}}}
root: {{level: INFO, handlers: [file]}}
disable_existing_loggers: false
"""


class Synapse(Reached):
    """`config.server_name` is its name; `person` makes accounts."""

    is_ours = False

    def __init__(self, folder: Path, authority: Authority) -> None:
        self._folder, self._authority = folder, authority
        self.port, self._client_port = free_port(), free_port()
        self.config = SimpleNamespace(server_name=f"localhost:{self.port}")
        self.base = f"http://127.0.0.1:{self._client_port}"
        self.session = None
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> Synapse:
        certificate, key = self._authority.issue("localhost")
        values = {
            "port": self.port,
            "client_port": self._client_port,
            "folder": self._folder,
            "certificate": certificate,
            "key": key,
            "authority": self._authority.file,
            "freely": _FREELY,
        }
        (self._folder / "homeserver.yaml").write_text(_CONFIG.format(**values))
        (self._folder / "log.yaml").write_text(_LOG.format(**values))
        arguments = [str(PYTHON), "-m", "synapse.app.homeserver", "-c", str(self._folder / "homeserver.yaml")]
        generate = await asyncio.create_subprocess_exec(
            *arguments, "--generate-keys", stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        assert await generate.wait() == 0
        self._process = await asyncio.create_subprocess_exec(
            *arguments, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, env={**os.environ}
        )
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(120))
        for _ in range(300):
            try:
                async with self.session.get(self.base + "/_matrix/client/versions") as answer:
                    if answer.status == 200:
                        return self
            except aiohttp.ClientError:
                await asyncio.sleep(0.2)
        raise AssertionError("Synapse did not start")

    async def stop(self) -> None:
        if self.session is not None:
            await self.session.close()
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()

    async def person(self, name: str) -> Person:
        body = {"username": name, "password": PASSWORD, "auth": {"type": "m.login.dummy"}}
        status, raw, _ = await self.raw("POST", "/_matrix/client/v3/register", body)
        assert status == 200, raw
        return Person(self, json.loads(raw))  # type: ignore[arg-type]

    def log(self) -> str:
        """The end of what it wrote down."""
        return (self._folder / "homeserver.log").read_text()[-20_000:]
