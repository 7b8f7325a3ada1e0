"""Whoever reads the pages in French is refused in French: each sentence that a page can be given has its French one."""

from __future__ import annotations

import ast
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from chappe.config import Registration
from chappe.homeserver.accounts.passwords import REQUIREMENTS
from chappe.homeserver.api.pages.refusals import GENERAL, REFUSALS, in_french
from chappe.matrix.errors import Forbidden
from tests.browser import Browser
from tests.support import PASSWORD, Server

NewServer = Callable[..., Awaitable[Server]]
SOURCE = Path(__file__).parents[2] / "src" / "chappe"
CALLED = [
    *sorted((SOURCE / "homeserver/api/pages").glob("*.py")),
    *sorted((SOURCE / "homeserver/accounts/single_sign_on").glob("*.py")),
    *(SOURCE / "homeserver/accounts" / f"{name}.py" for name in ("accounts", "passwords", "second_factors", "threepids")),
    *(SOURCE / "homeserver/actions" / f"{name}.py" for name in ("bind_threepid", "reset_password", "sign_in_upstream")),
    SOURCE / "matrix/email_address.py",
    *(SOURCE / "agency" / f"{name}.py" for name in ("former_accounts", "people", "policy")),
]
# what only programs are told
ELSEWHERE = {
    "The field's name is too long",
    "x must be a string",
    "This token exists already",
    "There is no such person here",
    "`client_secret` must have 1 to 255 of 0-9 a-z A-Z . = _ -",
    "`next_link` must point to this server",
    "There is no organisation x",
    "There is no such account",
    "This account has not ended",
    "Guests become agents once their address is an organisation's",
    "External guests do not make bots or webhooks",
    "This is not a logout token",
    "This logout token has been used",
    "The password must have x",
    "avatar_url must be an mxc:// address",
}


def sentences(path: Path) -> Iterator[str]:
    """Of the errors that a module raises; a value is x."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in (
            "Forbidden",
            "BadRequest",
            "NotFound",
            "MatrixError",
        ):
            continue
        position = 2 if getattr(node.func, "id", "") == "MatrixError" else 0
        match node.args[position : position + 1]:
            case [ast.Constant(value=str(text))]:
                yield text
            case [ast.JoinedStr(values=parts)]:
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in parts)


@pytest.mark.parametrize("path", CALLED, ids=lambda path: str(path.relative_to(SOURCE)))
def test_each_sentence_has_its_french_one(path: Path) -> None:
    unknown = [each for each in sentences(path) if each not in ELSEWHERE and not in_table(each)]
    assert unknown == []


def in_table(sentence: str) -> bool:
    return REFUSALS.get(sentence) == GENERAL or in_french(Forbidden(sentence)) != GENERAL


def test_values_are_said_and_what_is_unknown_is_refused_in_general_words() -> None:
    assert (
        in_french(Forbidden("The accounts of Externe are on externe.example"))
        == "Les comptes de Externe sont sur externe.example."
    )
    assert in_french(Forbidden("Something that nobody has put into French")) == GENERAL
    assert all(in_table(f"The password must have {words}") for _, _, words in REQUIREMENTS.values())


async def test_the_pages_refuse_in_the_language_of_their_reader(new_server: NewServer) -> None:
    server = await new_server(registration=Registration(open=True))
    await server.person("alice")
    browser = Browser(server, **{"Accept-Language": "fr"})
    await browser.open("/register")
    await browser.submit("/register", username="alice", password=PASSWORD)
    assert "Cet identifiant est déjà pris." in browser.page
    await browser.submit("/register", username="bob!", password=PASSWORD)
    assert "Un identifiant ne contient que" in browser.page
    for path, said in {
        "/oauth2/authorize?client_id=nobody": "Cette application n’est pas connue ici.",
        "/login/oidc/nobody": "Cette façon de se connecter n’existe pas ici.",
        "/reset-password?sid=s&client_secret=c": "Ce lien n’est plus valable",
    }.items():
        await browser.open(path)
        assert said in browser.page, browser.page
    await browser.sign_in("alice", PASSWORD, "/account/password")
    assert "Tous vos appareils seront déconnectés, celui-ci aussi." in browser.page
    await browser.submit("/account/password", current="wrong", password="a new password")
    assert "Ce n’est pas votre mot de passe actuel." in browser.page
    await server.node.accounts.set_state("@alice:localhost", suspended=True)
    await browser.open("/account")
    await browser.submit("/account/profile", display_name="Alice")
    assert browser.status == 403 and "Votre compte est suspendu" in browser.page
