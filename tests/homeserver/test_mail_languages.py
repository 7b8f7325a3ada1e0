"""Whoever gets a mail reads it in their language, not in that of the domain: every kind of mail, its subject as well."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from chappe.config import Brand
from chappe.homeserver.outbound.mail.texts import TEXTS
from chappe.i18n import spoken, until_day
from tests.neighbours import Mailbox, plain
from tests.support import Person, Server, until

NewServer = Callable[..., Awaitable[Server]]
SOURCE = Path(__file__).parents[2] / "src/chappe"
BRANDS = {language: Brand(name="Tchapche", language=language) for language in ("fr", "en")}
SAID = dict.fromkeys(
    ("user", "address", "what", "who", "purpose", "code", "when", "count", "rooms", "unread", "ends"), "Nom"
) | {"until": until_day(0)}
# sent to whom no account is known to be: invitations go to addresses; what somebody asks for on the spot is in the language they ask in
TO_STRANGERS = ("third_party_invites.py",)


@pytest.mark.parametrize(
    "accepted, found",
    [
        ("fr", "fr"),
        ("fr-CA,en;q=0.9", "fr"),
        ("en-GB", "en"),
        ("EN_us", "en"),
        ("de-DE,de;q=0.9,fr;q=0.8,en;q=0.7", "fr"),
        ("de,en;q=0.8,fr;q=0.7", "en"),
        ("fr;q=0.1, en;q=0.2", "en"),
        ("fr;q=0,en;q=0.1", "en"),
        ("fr;q=0", None),
        ("fr;q=x", None),
        ("fry, eng", None),
        ("de", None),
        ("*", None),
        ("", None),
        (None, None),
        (",;q=;;,", None),
    ],
)
def test_which_language_a_program_asks_for(accepted: str | None, found: str | None) -> None:
    assert spoken(accepted) == found


@pytest.mark.parametrize("kind", TEXTS)
async def test_every_kind_of_mail_is_in_its_readers_language(server: Server, kind: str) -> None:
    queue = server.node.mail
    for brand in ("fr", "en"):
        queue._brands = {"localhost": BRANDS[brand]}
        for header, language in (("fr-FR,fr;q=0.9", "fr"), ("en-GB,fr;q=0.5", "en"), ("de", brand), (None, brand)):
            mail = queue.compose(kind, "a@example.org", "localhost", header, None, (), **SAID).letter
            subject, paragraphs, _ = TEXTS[kind][language]
            for text, written in ((subject, mail.subject), (paragraphs[0], mail.plain)):
                assert as_pattern(text).search(written), (language, written)
            assert f'lang="{language}"' in mail.html
    queue._brands = {}
    assert TEXTS[kind]["fr"][0] != TEXTS[kind]["en"][0]


def as_pattern(text: str) -> re.Pattern[str]:
    """A text with its gaps, however it is set, elided and filled."""
    pieces = re.split(r"(?:d[e’] ?)?\{\w+\}", text)
    pattern = ".+".join(re.escape(piece) for piece in pieces)
    return re.compile(pattern.replace(r"\ ", r"\s").replace("'", "[’']"))


async def speaks(person: Person, *headers: str | None) -> None:
    for header in headers:
        given = {} if header is None else {"Accept-Language": header}
        status, _, _ = await person.server.raw("GET", "/_matrix/client/v3/account/whoami", None, person.token, given)
        assert status == 200
        await person.server.node.sessions.flush_seen()


@pytest.mark.parametrize(
    "headers, language",
    [
        (("en-GB,en;q=0.9",), "en"),
        (("fr-FR",), "fr"),
        (("en", "fr"), "fr"),
        (("fr", "en"), "en"),
        (("en", None), "en"),  # a program that says nothing changes nothing
        (("en", "de"), "en"),
        ((None,), "fr"),  # the domain's
    ],
)
async def test_an_account_is_written_to_as_its_program_speaks(
    new_server: NewServer, mailbox: Mailbox, headers: tuple[str | None, ...], language: str
) -> None:
    server = await new_server(email=mailbox.settings(), brands={"localhost": BRANDS["fr"]})
    zoe = await server.person("zoe")
    await server.node.accounts.store.add_threepid(zoe.id, "email", "zoe@example.org", server.node.now_ms())
    await speaks(zoe, *headers)
    await zoe.another_device()
    (mail,) = await until(lambda: mailbox.sign_ins)
    subject, paragraphs, _ = TEXTS["new_sign_in"][language]
    assert mail["Subject"].startswith(subject.split("{")[0].replace("'", "’")) and as_pattern(paragraphs[0]).search(plain(mail))


def test_no_letter_forgets_its_reader() -> None:
    """Who composes one says in which language: that of an account, or of a request."""
    forgotten = []
    for path in SOURCE.rglob("*.py"):
        for call in re.finditer(r"mail\.compose\(([^)]*)", path.read_text()):
            arguments = [each.strip() for each in call[1].split(",")]
            if len(arguments) > 3 and arguments[3] == "None" and path.name not in TO_STRANGERS:
                forgotten.append(path.name)
    assert forgotten == []
