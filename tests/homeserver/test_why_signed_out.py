"""Whoever is signed out is told why, where the account's own state says so: in the answer to a token that serves no longer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chappe.homeserver.accounts.fresh_proof import ADMINISTRATOR, FreshProof
from chappe.homeserver.accounts.sessions import ACCOUNT_ENDED, EXPLAINED_TOKENS, REASONS
from chappe.homeserver.accounts.ways_to_act import WAYS, AccountState, Effect
from chappe.matrix.identifiers import UserId
from tests.support import Person, Refused, Server

ACCESS = next(way for way in WAYS if way.name == "access tokens")
WITHOUT_A_WORD = {
    AccountState.DEVICE_SIGNED_OUT,
    AccountState.CHALLENGED,
}  # one's own act; asked to sign in again, in words of its own


async def happens(server: Server, person: Person, state: AccountState) -> None:
    if state in (AccountState.ENDED, AccountState.ERASED):
        await server.node.deactivate_account(UserId(person.id), state is AccountState.ERASED)
    elif state is AccountState.PASSWORD_CHANGED:
        proof = FreshProof(UserId(person.id), ADMINISTRATOR)
        await server.node.reset_password(proof, "another long password", None, True)
    else:
        await server.node.account_states.enter(person.id, state)


async def answer_to(person: Person, path: str = "/account/whoami") -> dict[str, Any]:
    with pytest.raises(Refused) as caught:
        await person.call("GET", path)
    assert caught.value.status == 401 and caught.value.errcode == "M_UNKNOWN_TOKEN"
    body: dict[str, Any] = caught.value.body
    return body


def test_every_state_that_ends_sessions_is_said_or_needs_no_word() -> None:
    ends = {state for state, effect in ACCESS.on.items() if effect is Effect.ENDS}
    assert ends | {AccountState.PASSWORD_CHANGED} == REASONS.keys() | WITHOUT_A_WORD  # a password signs out everywhere


@pytest.mark.parametrize("state", REASONS)
async def test_who_asks_and_who_waits_is_told_why(server: Server, state: AccountState) -> None:
    alice = await server.person()
    phone = await alice.another_device()
    since = (await phone.call("GET", "/sync?timeout=0"))["next_batch"]
    waiting = asyncio.create_task(answer_to(phone, f"/sync?since={since}&timeout=30000"))
    await happens(server, alice, state)
    for body in (await waiting, await answer_to(alice), await answer_to(phone)):
        assert body["reason"] == REASONS[state] and body["soft_logout"] is False


async def test_one_who_signs_out_and_one_who_invents_a_token_is_told_nothing(server: Server) -> None:
    alice = await server.person()
    await alice.call("POST", "/logout", {})
    assert "reason" not in await answer_to(alice)
    alice.token = "mat_invented"
    assert "reason" not in await answer_to(alice)


async def test_the_device_that_goes_on_has_no_reason_later(server: Server) -> None:
    """It was kept when all others were signed out; it signs itself out afterwards."""
    alice = await server.person()
    phone = await alice.another_device()
    await server.node.account_states.enter(alice.id, AccountState.SIGNED_OUT_EVERYWHERE, but_device=alice.device)
    assert (await answer_to(phone))["reason"] == "signed_out_everywhere"
    await alice.call("POST", "/logout", {})
    assert "reason" not in await answer_to(alice)


async def test_reasons_are_bounded(server: Server) -> None:
    reasons = server.node.sessions._reasons
    reasons.update({n.to_bytes(32): ACCOUNT_ENDED for n in range(EXPLAINED_TOKENS)})
    alice = await server.person()
    await happens(server, alice, AccountState.SIGNED_OUT_EVERYWHERE)
    assert len(reasons) == EXPLAINED_TOKENS and (await answer_to(alice))["reason"] == "signed_out_everywhere"
