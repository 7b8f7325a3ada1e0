"""matrix-js-sdk on each side: an encrypted conversation, verification by emoji and an encrypted file across servers."""

from __future__ import annotations

import pytest

from tests.clients.test_matrix_js_sdk import NODE_HOME, install_js, run_js
from tests.federation.conftest import Peer
from tests.federation.synapse import Synapse

pytestmark = [pytest.mark.slow]


async def play(one: str, other: str) -> None:
    await install_js()
    output = await run_js(str(NODE_HOME / "bin" / "node"), "two_people.mjs", one, other)
    assert "PLAY THE END" in output


@pytest.mark.xdist_group("js")
async def test_two_servers_of_ours(peer: Peer) -> None:
    here, there = await peer(), await peer()
    await play(here.base, there.base)


@pytest.mark.xdist_group("synapse")
async def test_with_synapse(peer: Peer, synapse: Synapse) -> None:
    await play((await peer()).base, synapse.base)


@pytest.mark.xdist_group("synapse")
async def test_synapse_begins(peer: Peer, synapse: Synapse) -> None:
    await play(synapse.base, (await peer()).base)
