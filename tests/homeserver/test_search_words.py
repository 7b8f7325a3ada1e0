"""Search finds what people type: messages, people and rooms, in many languages; and after an update of the rules."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chappe.homeserver.accounts import store
from chappe.homeserver.modules.search import index
from chappe.homeserver.modules.search.entry import Entry, entry_of
from chappe.homeserver.rooms import summary
from tests.support import Person, Server, segment

# what people say, what they type to find it again, and whether they do: the web client is held to the same table
SEARCHES: dict[str, list[tuple[str, str, bool]]] = json.loads(Path(__file__).parents[1].joinpath("searches.json").read_text())


async def found(person: Person, term: str, **criteria: Any) -> list[str]:
    body = {"search_categories": {"room_events": {"search_term": term, "keys": ["content.body"], **criteria}}}
    answer = (await person.call("POST", "/search", body))["search_categories"]["room_events"]
    return [result["result"]["event_id"] for result in answer["results"]]


def test_the_table_is_large() -> None:
    assert sum(map(len, SEARCHES.values())) >= 200


@pytest.mark.parametrize("language", SEARCHES)
async def test_messages_are_found_by_what_people_type(alice: Person, language: str) -> None:
    room = await alice.create_room()
    said = {text: await alice.say(room, text) for text, _, _ in SEARCHES[language]}
    wrong = []
    for text, typed, is_found in SEARCHES[language]:
        events = await found(alice, typed, filter={"rooms": [room], "limit": 100})
        if (said[text] in events) is not is_found:
            wrong.append((text, typed, is_found))
    assert wrong == []


async def test_what_was_typed_exactly_comes_first(alice: Person) -> None:
    room = await alice.create_room()
    exact = await alice.say(room, "le porte du théâtre")
    others = [await alice.say(room, text) for text in ("les portes du théâtre", "porter au théâtre")]
    assert (await found(alice, "porte théâtre", filter={"rooms": [room]}))[0] == exact
    assert set(await found(alice, "porte théâtre", filter={"rooms": [room]})) == {exact, *others}


async def test_highlights_are_in_the_spelling_of_the_message(alice: Person) -> None:
    room = await alice.create_room()
    for said, typed, shown in (
        ("Réunions d’été à l’École", "ecole reunion", ["réunions", "école"]),
        ("Le cœur du sujet", "coeur", ["cœur"]),
        ("明天的会议取消了", "会议", ["会议"]),
    ):
        await alice.say(room, said)
        body = {"search_categories": {"room_events": {"search_term": typed, "filter": {"rooms": [room]}}}}
        answer = (await alice.call("POST", "/search", body))["search_categories"]["room_events"]
        assert answer["highlights"] == shown


async def test_a_term_means_what_it_says(alice: Person) -> None:
    """No sign of it is an operator of the database's language for queries."""
    room = await alice.create_room()
    event = await alice.say(room, "quai d'Orsay")
    for term in (
        "quai & orsay",
        "quai | nothing",
        "!quai",
        "quai:*",
        "'quai",
        "quai\\",
        "(quai",
        "<-> quai",
        "\0quai",
        "quai''",
    ):
        assert await found(alice, term, filter={"rooms": [room]}) == ([] if "nothing" in term else [event]), term
    for term in ("", " ", "…", "'", "\\", "\0", "👍", "·", "-"):
        assert await found(alice, term, filter={"rooms": [room]}) == [], term


LONG = [
    "a-" * 9000,
    "l'" * 9000,
    "é" * 19_000,
    "会" * 19_000,
    "a." * 9000,
    "a·e" * 6000,
    "agent(e)" * 2000,
    "x" * 19_000,
    "\u0301" * 19_000,
    "ก" + "ิ" * 19_000,
    "क" + "ि" * 19_000,
]


@pytest.mark.parametrize("text", LONG, ids=[text[:8] for text in LONG])
async def test_whatever_is_said_can_be_kept(alice: Person, text: str) -> None:
    room = await alice.create_room()
    event = await alice.say(room, f"avant {text} après")
    assert await found(alice, "avant", filter={"rooms": [room]}) == [event]
    await found(alice, text[:1000], filter={"rooms": [room]})


# ------------------------------------------------------------------------------------------------------------- people

PEOPLE = [  # (name, typed, whether they are found)
    ("Søren Kierkegaard", "soren", True),
    ("Søren Kierkegaard", "Sør", True),
    ("Łukasz Wałęsa", "lukasz wal", True),
    ("Đorđe Petrović", "dorde petrovic", True),
    ("Işıl Yıldız", "isil yildiz", True),
    ("Ægir Bjørnson", "aegir", True),
    ("Œdipe Cœur", "coeur oed", True),
    ("Jürgen Großmann", "grossmann", True),
    ("Jürgen Großmann", "juergen", True),
    ("Jürgen Großmann", "jurgen gross", True),
    ("Rose-Marie D’Alembert", "d'alembert", True),
    ("Rose-Marie D’Alembert", "alem", True),
    ("Rose-Marie D’Alembert", "dalembert", True),
    ("Rose-Marie D’Alembert", "rosemarie", True),
    ("Rose-Marie D’Alembert", "rose marie", True),
    ("Seán O'Brien", "obrien", True),
    ("Seán O'Brien", "o’bri", True),
    ("Dvořa\u0301k Antonín", "dvořák", True),
    ("Мария Фёдорова", "федорова", True),
    ("Γιώργος Παπαδόπουλος", "ΓΙΩΡΓΟΣ", True),
    ("محمد الأمين", "الامين", True),
    ("יוסף כהן", "כהן", True),
    ("山田太郎", "山田", True),
    ("山田太郎", "太郎", True),
    ("김민준", "민준", True),
    ("अनिल कुमार", "कुमार", True),
    ("สมชาย ใจดี", "สมชาย", True),
    ("Søren Kierkegaard", "kierkegaards", False),
    ("Jürgen Großmann", "gen", False),
]


async def people(person: Person, term: str) -> list[str]:
    answer = await person.call("POST", "/user_directory/search", {"search_term": term, "limit": 50})
    return [entry["user_id"] for entry in answer["results"]]


async def named(person: Person, name: str) -> None:
    await person.call("PUT", f"/profile/{segment(person.id)}/displayname", {"displayname": name})


async def test_people_are_found_by_what_people_type(new_server: Any) -> None:
    server = await new_server()
    seeker = await server.person()
    ids = {}
    for number, name in enumerate(dict.fromkeys(name for name, _, _ in PEOPLE)):
        person = await server.person(f"p{number}")
        await named(person, name)
        ids[name] = person.id
    wrong = [
        (name, typed, got)
        for name, typed, is_found in PEOPLE
        if (got := await people(seeker, typed)) != ([ids[name]] if is_found else [])
    ]
    assert wrong == []


async def test_a_matrix_id_puts_that_person_first(new_server: Any) -> None:
    server = await new_server()
    seeker, anne = await server.person("seeker"), await server.person("anne")
    await named(anne, "Une personne dont le nom est bien long")
    others = [await server.person(name) for name in ("anne.a", "anne.b")]
    for other, name in zip(others, ("Anne", "Localhost Anne"), strict=True):
        await named(other, name)
    for term in (anne.id, f" {anne.id} ", anne.id.upper()):
        assert (await people(seeker, term))[0] == anne.id, term
    for beginning in ("@anne", "@anne:", "@anne:loc"):
        assert anne.id in await people(seeker, beginning), beginning
    assert anne.id not in await people(seeker, "@anne:elsewhere.example")
    assert await people(seeker, seeker.id) == [], "not oneself"


async def test_who_is_called_so_comes_before_whose_name_begins_so(new_server: Any) -> None:
    server = await new_server()
    seeker = await server.person("seeker")
    martinez, martin = await server.person("a"), await server.person("b")
    await named(martinez, "Martinez")
    await named(martin, "Martin Dupont-Lefebvre")
    assert await people(seeker, "martin") == [martin.id, martinez.id]


# -------------------------------------------------------------------------------------------------------------- rooms


async def test_rooms_are_found_by_what_people_type(new_server: Any) -> None:
    server = await new_server()
    alice = await server.person()
    names = ["Œuvres d’art — Musée", "Søndag i Tromsø", "Agent·e·s de l’État", "Bürgeramt Köln", "東京の会議室"]
    rooms = {name: await alice.create_room(visibility="public", name=name) for name in names}
    for term, name in (
        ("oeuvre", 0),
        ("musee oeuvres", 0),
        ("l'art", 0),
        ("tromso", 1),
        ("SONDAG", 1),
        ("agents", 2),
        ("agentes état", 2),
        ("agent·e·s", 2),
        ("koln", 3),
        ("koeln", 3),
        ("会議", 4),
        ("geramt", 3),
    ):
        answer = await alice.call("POST", "/publicRooms", {"filter": {"generic_search_term": term}})
        assert [room["room_id"] for room in answer["chunk"]] == [rooms[names[name]]], term
    none = await alice.call("POST", "/publicRooms", {"filter": {"generic_search_term": "musée absent"}})
    assert none["chunk"] == []


# ------------------------------------------------------------------------------------------------- an update of the rules


async def _made_by_earlier_rules(server: Server) -> None:
    """As an installation is after the update: everything is found by what the database's parser had made."""
    database = server.node.database
    await database.execute("UPDATE event_search SET words = to_tsvector('simple', 'avant')")
    await database.execute("UPDATE user_directory SET search = 'avant', rules = 0")
    await database.execute("UPDATE room_summaries SET search = 'avant'")
    await database.execute("UPDATE progress SET position = (SELECT max(nid) + 1 FROM event_search) WHERE name = 'search words'")
    await database.execute(
        "UPDATE progress SET position = (SELECT max(room_nid) + 1 FROM room_summaries) WHERE name = 'room words'"
    )


async def test_what_earlier_rules_made_is_made_anew(new_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Step by step, while everybody searches; what one process has left another goes on with."""
    server = await new_server()
    alice, anne = await server.person("alice"), await server.person("soren")
    await named(anne, "Søren")
    room = await alice.create_room(visibility="public", name="L’Œuvre")
    events = [await alice.say(room, f"l’école {number}") for number in range(5)]
    edit = {"msgtype": "m.text", "body": "l’usine 0"}
    await alice.say(
        room, "* l’usine", **{"m.new_content": edit, "m.relates_to": {"rel_type": "m.replace", "event_id": events[0]}}
    )
    assert len(await found(alice, "école")) == 4
    await _made_by_earlier_rules(server)
    monkeypatch.setattr(index, "RENEWED_AT_ONCE", 2)
    monkeypatch.setattr(store, "RENEWED_AT_ONCE", 1)
    monkeypatch.setattr(summary, "RENEWED_AT_ONCE", 1)
    assert await found(alice, "école") == [] and len(await found(alice, "avant")) == 5
    assert await server.node.search_index.renew()
    latest = await found(alice, "école")
    assert latest and set(latest) <= set(events[3:]), "the latest first"
    await alice.redact(room, events[2])
    said = await alice.say(room, "l’école enfin")
    assert said in await found(alice, "école"), "what is new is found meanwhile"
    other = await new_server(url=server.url)
    [job] = [job for job in other.node.jobs.jobs if job.name == "search words"]
    assert await other.node.jobs.run_once(job)
    assert set(await found(alice, "école")) == {events[1], events[3], events[4], said}
    assert await found(alice, "usine") == [events[0]] and await found(alice, "avant") == []
    assert await people(alice, "soren") == [anne.id]
    answer = await alice.call("POST", "/publicRooms", {"filter": {"generic_search_term": "oeuvre"}})
    assert [each["room_id"] for each in answer["chunk"]] == [room]
    assert await server.node.database.fetchval("SELECT count(*) FROM event_search WHERE nid IS NOT NULL") >= 5
    places = await server.node.database.fetch(
        "SELECT name, position FROM progress WHERE name IN ('search words', 'room words')"
    )
    assert {row["name"]: row["position"] for row in places} == {"search words": 0, "room words": 0}


async def test_making_anew_waits_for_nobody_and_nobody_for_it(new_server: Any) -> None:
    """Rows that another transaction holds are being made by the present rules."""
    server = await new_server()
    alice = await server.person()
    room = await alice.create_room()
    events = [await alice.say(room, f"l’école {number}") for number in range(3)]
    assert len(await found(alice, "école")) == 3
    await _made_by_earlier_rules(server)
    database = server.node.database
    held = await asyncpg.connect(database.url)
    async with held.transaction():
        await held.execute(
            "UPDATE event_search SET words = words WHERE nid = (SELECT nid FROM events WHERE event_id = $1)", events[1]
        )
        async with asyncio.timeout(20):
            while await server.node.search_index.renew():
                pass
    await held.close()
    assert set(await found(alice, "école")) == {events[0], events[2]}


async def test_what_is_redacted_while_it_is_made_anew_stays_so(new_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The redaction does not wait, and the words that were read before it are not written after it."""
    server = await new_server()
    alice = await server.person()
    room = await alice.create_room()
    gone, edited = await alice.say(room, "l’école"), await alice.say(room, "l’école")
    new = {"msgtype": "m.text", "body": "l’usine"}
    edit = await alice.say(
        room, "* l’usine", **{"m.new_content": new, "m.relates_to": {"rel_type": "m.replace", "event_id": edited}}
    )
    assert await found(alice, "usine") == [edited] and await found(alice, "école") == [gone]
    await _made_by_earlier_rules(server)
    make, redacted = entry_of, [gone, edit]

    async def redacting_first(*arguments: Any) -> Entry:
        entry = await make(*arguments)
        async with asyncio.timeout(20):
            while redacted:
                await alice.redact(room, redacted.pop())
        return entry

    monkeypatch.setattr(index, "entry_of", redacting_first)
    rows = "SELECT count(*) FROM event_search WHERE words <> ''"
    while await server.node.search_index.renew():
        pass
    assert not redacted and await server.node.database.fetchval(rows) == 0
    assert await found(alice, "usine") == [] and await found(alice, "école") == [edited]
