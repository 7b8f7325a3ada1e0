"""Numbers and dates on the pages, as people write them in each language."""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from chappe.agency.account_validity_api import _PAGES
from chappe.config import Brand, Passwords, Registration
from chappe.homeserver.api import pages
from chappe.homeserver.api.pages.refusals import REFUSALS, in_french
from chappe.homeserver.api.pages.texts import TEXTS, words
from chappe.homeserver.outbound.mail.letters import compose, named
from chappe.homeserver.outbound.mail.texts import TEXTS as LETTERS
from chappe.homeserver.senders.push.notification import UNREAD_EN, UNREAD_FR
from chappe.i18n import MONTHS, InWords, Reader, counted, curled, day, ending, in_a_sentence, moment, until_day
from chappe.matrix.errors import Forbidden
from chappe.matrix.identifiers import UserId
from tests.browser import Browser
from tests.support import PASSWORD, Server

NewServer = Callable[..., Awaitable[Server]]


def test_what_is_counted_is_said_of_one_and_of_many() -> None:
    counted = {key.removesuffix("_one") for key, texts in TEXTS.items() if "{count}" in "".join(texts)}
    assert counted == {"password_hint", "codes_left", "check_mail_minutes"}
    for key in counted:
        for is_french in (True, False):
            one, many = words(key, is_french, count=1), words(key, is_french, count=12)
            assert one.replace("1", "") != many.replace("12", "")
    assert words("codes_left", True, count=0) == "0 code de secours restant"
    assert words("codes_left", False, count=0) == "0 recovery codes left"


SAID = ("who", "what", "user", "address", "code", "purpose", "until", "when", "ends", "unread")


def letters() -> list[tuple[str, str, str]]:
    """(language, what it is, what it says) of all mails, plain and as HTML."""
    values = dict.fromkeys(SAID, "x")
    found = []
    for kind, language in ((kind, language) for kind, languages in LETTERS.items() for language in languages):
        letter = compose(kind, language, Brand(), "https://x.example", minutes=2, **values)
        said = html.unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", letter.html, flags=re.DOTALL))
        found += [(language, kind, f"{letter.subject} {letter.plain}"), (language, f"{kind} (HTML)", said)]
    return found


def said() -> list[tuple[str, str, str]]:
    pages = [(language, key, text) for key, texts in TEXTS.items() for language, text in zip(("fr", "en"), texts, strict=True)]
    refusals = [("fr", english, in_french(Forbidden(re.sub(r"\{\w+\}", "x", english)))) for english in REFUSALS]
    renewed = [(language, key, " ".join(text)) for key, texts in _PAGES.items() for language, text in texts.items()]
    return pages + refusals + renewed + letters()


def test_every_text_is_typeset_as_its_language_asks() -> None:
    """Curly apostrophes and quotes; in French, signs stay on the line of their word."""
    straight = re.compile(r"(?<=\w)'(?=\w)|(?<=\s)\"\w")
    breaks = re.compile(r" (?=[:;?!»%])|« |[“”]|[\w)]»|«\w|\w[;?!](?=\s|$)")
    wrong = [
        (language, what, text)
        for language, what, text in said()
        if straight.search(text) or (breaks.search(text) if language == "fr" else re.search(r"[«»]| [:;?!]", text))
    ]
    assert wrong == []
    assert curled("it isn't 'so'") == "it isn’t 'so'", "what the APIs say, on a page"


def test_who_is_of_an_organisation_is_said_so_in_a_sentence() -> None:
    for name, said in (
        ("Anne [Culture]", "Anne (Culture)"),
        ("[Culture]", "[Culture]"),
        ("Anne", "Anne"),
        ("a [b] [c]", "a [b] (c)"),
    ):
        assert in_a_sentence(name) == said


ENDING = 1_796_079_600_000  # 1 December 2026, 0:00 in Paris: still November by the clock of the servers


@pytest.mark.parametrize(
    ("said", "french", "english"),
    [
        (moment(ENDING), "le 1er décembre 2026 à 0 h 00", "on 1 December 2026 at 0:00"),
        (until_day(ENDING), "1er décembre 2026", "1 December 2026"),
        (ending(ENDING, ENDING - 60_000), "demain, le 1er décembre 2026", "tomorrow, on 1 December 2026"),
        (ending(ENDING, ENDING + 60_000), "aujourd’hui, le 1er décembre 2026", "today, on 1 December 2026"),
        (ending(ENDING, ENDING - 7 * 86_400_000), "dans 7 jours, le 1er décembre 2026", "in 7 days, on 1 December 2026"),
        (counted(0, UNREAD_FR, UNREAD_EN), "0 message non lu", "0 unread messages"),
        (counted(1, UNREAD_FR, UNREAD_EN), "1 message non lu", "1 unread message"),
        (counted(2, UNREAD_FR, UNREAD_EN), "2 messages non lus", "2 unread messages"),
    ],
)
def test_what_a_mail_says_is_of_its_readers_language_and_clock(said: InWords, french: str, english: str) -> None:
    assert (said(Reader(True, "Europe/Paris")), said(Reader(False, "Europe/Paris"))) == (french, english)
    for kind in LETTERS:
        values = dict.fromkeys(SAID, "x") | {"until": said, "ends": said, "when": said, "unread": said}
        for language, expected in (("fr", french), ("en", english)):
            wanted = any("{" + name + "}" in str(LETTERS[kind][language]) for name in ("until", "ends", "when", "unread"))
            assert (expected in compose(kind, language, Brand(), None, minutes=2, **values).plain.replace("\xa0", " ")) is (
                wanted and "{unread}" not in str(LETTERS[kind][language])
            )


@pytest.mark.parametrize(("brand", "said"), [("Osmose", "d’Osmose"), ("Équipes", "d’Équipes"), ("Chappe", "de Chappe")])
def test_of_a_brand(brand: str, said: str) -> None:
    plain = compose("factor_added", "fr", Brand(name=brand), user="x").plain
    assert f"«\xa0x\xa0» {said}." in plain


def test_no_mail_has_both_numbers_in_one_word() -> None:
    assert [text for _, _, text in letters() if re.search(r"\w\(s\)", text)] == []


def test_what_others_have_chosen_is_no_link_in_a_mail() -> None:
    """A name, a room's, a purpose: programs that show mail make links of what looks like one. Our own links and addresses stay."""
    mine = ("address", "code", "link")
    for kind, languages in LETTERS.items():
        for language in languages:
            values = dict.fromkeys(SAID, "https://evil.example/now evil.example mailto:x@evil.example #a:evil.example")
            values |= dict.fromkeys(mine[:2], "anne@example.org")
            letter = compose(kind, language, Brand(), "https://own.example", minutes=2, **values)
            for text in (letter.subject, letter.plain, letter.html):
                assert re.search(r"evil\.|:evil|@evil|//evil", text) is None, (kind, language)
            named = any("{address}" in part for part in LETTERS[kind][language][1])
            assert ("anne@example.org" in letter.plain) is named or "{code}" in str(LETTERS[kind][language])


@pytest.mark.parametrize(
    ("name", "user", "said"),
    [
        ("Anne Martin [Culture]", "@anne.martin:x.example", "Anne Martin (Culture)"),
        (None, "@anne:x.example", "anne"),
        ("", "@anne:x.example", "anne"),
        (7, "@anne:x.example", "anne"),
    ],
)
def test_a_person_has_a_name_in_a_mail(name: object, user: str, said: str) -> None:
    assert named(name, user) == said


@pytest.mark.parametrize(
    ("ts", "french", "english"),
    [
        (1_795_822_800_000, "27 novembre 2026", "27 November 2026"),
        (1_772_366_400_000, "1er mars 2026", "1 March 2026"),
        (0, "1er janvier 1970", "1 January 1970"),
    ],
)
def test_a_day(ts: int, french: str, english: str) -> None:
    assert (day(ts, True), day(ts, False)) == (french, english)
    assert [len(months) for months in MONTHS] == [12, 12]


@pytest.mark.parametrize(
    ("language", "hint", "device"), [("fr", "1 caractère au moins", "vu le "), ("en", "At least 1 character<", "seen on ")]
)
async def test_the_pages(new_server: NewServer, language: str, hint: str, device: str) -> None:
    server = await new_server(
        registration=Registration(open=True), passwords=Passwords(minimum_length=1, memory_kib=8, passes=1)
    )
    browser = await Browser(server).open(f"/register?lang={language}")
    assert hint in browser.page
    alice = await server.person("alice")
    await alice.call("PUT", f"/devices/{alice.device}", {"display_name": "My laptop"})
    await server.node.sessions.flush_seen()
    browser = await Browser(server).open(f"/login?lang={language}")
    await browser.submit("/login", login="alice", password=PASSWORD)
    await browser.open(f"/account?lang={language}")
    seen = (await server.node.accounts.store.sessions.devices(UserId(alice.id)))[0].last_seen_ts
    assert f"{device}{day(seen, language == 'fr')}" in browser.page
    assert "My laptop" in browser.page and f">{alice.device}<" not in browser.page


async def test_what_is_wrong_with_a_field_is_said_by_the_page(new_server: NewServer) -> None:
    """A browser says it in its own language: every page with a form has the script that says it instead, under its nonce."""
    templates = Path(pages.__file__).parent / "templates"
    forms = [path.name for path in templates.glob("*.html") if "<form" in path.read_text()]
    assert len(forms) > 5
    for name in forms:
        assert '{% extends "base.html" %}' in (templates / name).read_text(), name
    server = await new_server(registration=Registration(open=True))
    for language, missing in (("fr", "Remplissez ce champ."), ("en", "Fill in this field.")):
        browser = Browser(server, **{"Accept-Language": language})
        for path in ("/login", "/register"):
            await browser.open(path)
            script = re.search(
                r'<script nonce="[^"]+">\nfor \(const form of document\.forms\).*?</script>', browser.page, re.DOTALL
            )
            assert script is not None and f'"{missing}"' in script[0]
