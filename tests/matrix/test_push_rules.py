"""Push rules: conditions by table, and the shared verdict equal to each reader's own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chappe.matrix.push_rules import PushContext, default_rules, evaluate, verdict_of
from chappe.matrix.shared_verdict import shared_verdict

ROOM = PushContext("!r", 3, lambda name: True)


def matches(condition: dict[str, Any], event: dict[str, Any], context: PushContext = ROOM) -> bool:
    return (
        evaluate(
            {"override": [{"rule_id": "x", "enabled": True, "conditions": [condition], "actions": ["notify"]}]}, event, context
        )
        is not None
    )


def text(body: Any) -> dict[str, Any]:
    return {"type": "m.room.message", "content": {"body": body}, "sender": "@a:x"}


@pytest.mark.parametrize(
    ("key", "pattern", "event", "expected"),
    [
        ("content.topic", "lunc?*", {"content": {"topic": "Lunch plans"}}, True),
        ("content.topic", "lunc?*", {"content": {"topic": "LUNCH"}}, True),
        ("content.topic", "lunc?*", {"content": {"topic": " lunch"}}, False),
        ("content.topic", "lunc?*", {"content": {"topic": "lunc"}}, False),
        ("content.topic", "*", {"content": {"topic": None}}, False),
        ("content.topic", "*", {"content": {}}, False),
        ("content.body", "ex*ple", text("An example event."), True),
        ("content.body", "ex*ple", text("exple"), True),
        ("content.body", "ex*ple", text("An exciting triple-whammy"), True),
        ("content.body", "ministre", text("administre"), False),
        # an é is one letter or two signs: keywords are typed on other keyboards than messages
        ("content.body", "préfet", text("Le PRE\u0301FET arrive"), True),
        ("content.body", "pre\u0301fet", text("le préfet"), True),
        ("content.body", "prefet", text("le préfet"), False),
        ("content.topic", "*été*", {"content": {"topic": "l'E\u0301te\u0301"}}, True),
        ("content.body", "ministre", text("le Ministre!"), True),
        ("content.body", "été", text("un été chaud"), True),
        ("type", "m.room.*", {"type": "m.room.message"}, True),
        ("type", "m.room", {"type": "m.room.message"}, False),
        ("content.a\\.b", "x", {"content": {"a.b": "x"}}, True),
        ("content.a.b", "x", {"content": {"a.b": "x"}}, False),
        ("content.a\\\\b", "x", {"content": {"a\\b": "x"}}, True),
    ],
)
def test_event_match(key: str, pattern: str, event: dict[str, Any], expected: bool) -> None:
    assert matches({"kind": "event_match", "key": key, "pattern": pattern}, event) is expected


@pytest.mark.parametrize(
    ("condition", "content", "expected"),
    [
        ({"kind": "event_property_is", "key": "content.a", "value": True}, {"a": True}, True),
        ({"kind": "event_property_is", "key": "content.a", "value": 1}, {"a": True}, False),
        ({"kind": "event_property_is", "key": "content.a", "value": None}, {"a": None}, True),
        ({"kind": "event_property_is", "key": "content.a", "value": None}, {}, False),
        ({"kind": "event_property_is", "key": "content.a", "value": "X"}, {"a": "x"}, False),
        ({"kind": "event_property_is", "key": "content.a", "value": []}, {"a": []}, False),
        ({"kind": "event_property_contains", "key": "content.a", "value": "x"}, {"a": ["y", "x"]}, True),
        ({"kind": "event_property_contains", "key": "content.a", "value": 1}, {"a": [True]}, False),
        ({"kind": "event_property_contains", "key": "content.a", "value": "x"}, {"a": "x"}, False),
        ({"kind": "room_member_count", "is": "3"}, {}, True),
        ({"kind": "room_member_count", "is": "==3"}, {}, True),
        ({"kind": "room_member_count", "is": ">2"}, {}, True),
        ({"kind": "room_member_count", "is": "<3"}, {}, False),
        ({"kind": "room_member_count", "is": ">=4"}, {}, False),
        ({"kind": "room_member_count", "is": "x"}, {}, False),
        ({"kind": "sender_notification_permission", "key": "room"}, {}, True),
        ({"kind": "unknown"}, {}, False),
        ({}, {}, False),
    ],
)
def test_conditions(condition: dict[str, Any], content: dict[str, Any], expected: bool) -> None:
    assert matches(condition, {"content": content}) is expected


def test_order_and_kinds() -> None:
    rules = default_rules("@me:x")
    rules["room"] = [{"rule_id": "!r", "actions": []}]
    rules["sender"] = [{"rule_id": "@a:x", "actions": ["notify"]}]
    assert evaluate(rules, text("x"), ROOM) == []
    rules["room"][0]["enabled"] = False
    assert evaluate(rules, text("x"), ROOM) == ["notify"]
    rules["content"] = [{"rule_id": "c", "pattern": "x", "actions": ["notify", {"set_tweak": "highlight"}]}]
    assert verdict_of(evaluate(rules, text("x"), ROOM)).highlight
    rules["override"][0]["enabled"] = True
    assert evaluate(rules, text("x"), ROOM) == []
    assert (
        not verdict_of([{"set_tweak": "highlight"}]).notify
        and not verdict_of(["notify", {"set_tweak": "highlight", "value": False}]).highlight
    )


READER = "@reader:x"
_content = st.fixed_dictionaries(
    {},
    optional={
        "msgtype": st.sampled_from(["m.text", "m.notice", "M.NOTICE", 7]),
        "body": st.just("x"),
        "membership": st.sampled_from(["join", "invite", "Invite"]),
        "m.mentions": st.sampled_from(
            [
                {},
                {"user_ids": [READER]},
                {"user_ids": ["@o:x"]},
                {"room": True},
                {"room": True, "user_ids": [READER]},
                7,
                {"user_ids": 7},
                {"room": 1},
            ]
        ),
        "m.relates_to": st.sampled_from([{}, {"rel_type": "m.replace"}, {"rel_type": "m.thread"}, 7]),
    },
)


@given(
    st.sampled_from(
        [
            "m.room.message",
            "m.room.encrypted",
            "m.reaction",
            "m.room.member",
            "m.room.tombstone",
            "m.room.server_acl",
            "x",
            "m.call.invite",
            "m.sticker",
        ]
    ),
    st.sampled_from([None, "", READER]),
    _content,
    st.booleans(),
    st.integers(1, 4),
)
def test_the_shared_verdict_is_every_readers_verdict(
    event_type: str, state_key: str | None, content: dict[str, Any], may_notify: bool, members: int
) -> None:
    context = PushContext("!r", members, lambda name: may_notify)
    event = {"type": event_type, "content": content, "sender": "@a:x"} | ({} if state_key is None else {"state_key": state_key})
    expected = verdict_of(evaluate(default_rules(READER), event, context))
    shared = shared_verdict(event_type, state_key, content, context)
    mentioned = READER in shared.mentioned
    assert (shared.everyone.notify or mentioned) == expected.notify
    if event_type != "m.room.member":  # an invitation notifies without a highlight, and through another section
        assert (shared.everyone.highlight or mentioned) == expected.highlight
