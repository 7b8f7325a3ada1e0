from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from chappe.config import Federation, Listener
from tests.federation.certificates import Authority
from tests.federation.foreign import Foreign
from tests.federation.synapse import PYTHON, Synapse
from tests.process import free_port
from tests.support import Server

OPEN = Federation(mode="open", allow_private_addresses=True)
Peer = Callable[..., Awaitable[Server]]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest_asyncio.fixture(scope="session")
async def synapse(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[Synapse]:
    """One Synapse for all tests of a worker."""
    if not PYTHON.exists():
        pytest.skip("Synapse is not installed (tests/install_components.sh)")
    running = Synapse(tmp_path_factory.mktemp("synapse"), authority)
    try:
        yield await running.start()
    finally:
        await running.stop()


@pytest_asyncio.fixture
async def foreign(authority: Authority) -> AsyncIterator[Foreign]:
    server = Foreign()
    runner = await server.start(authority)
    yield server
    await runner.cleanup()


@pytest.fixture
def peer(new_server: Callable[..., Awaitable[Server]], authority: Authority) -> Peer:
    """Starts a server that others reach as `HOST:PORT`, over TLS, with a certificate for `names`."""

    async def start(
        *names: str,
        federation: Federation | Callable[[int], Federation] | None = None,
        port: int = 0,
        host: str = "localhost",
        **settings: Any,
    ) -> Server:
        port = port or free_port()
        certificate, key = authority.issue(*(names or (host,)))
        listeners = [Listener(port=0), Listener(port=port, tls_certificate=certificate, tls_key=key)]
        return await new_server(
            server_name=f"{host}:{port}",
            listeners=listeners,
            federation=federation(port) if callable(federation) else federation or OPEN,
            **{"extra_ca_file": authority.file, **settings},
        )

    return start
