"""Server access control lists (client-server API, "Server Access Control Lists")."""

from __future__ import annotations

from typing import Any

import pytest

from chappe.homeserver.rooms.server_acl import ServerAcl


@pytest.mark.parametrize(
    ("acl", "server", "allowed"),
    [
        ({"allow": ["*"]}, "a.example", True),
        ({"allow": ["*"]}, "a.example:8448", True),
        ({"allow": ["*"], "deny": ["evil.example"]}, "evil.example:1234", False),
        ({"allow": ["*"], "deny": ["EVIL.example"]}, "evil.EXAMPLE", False),
        ({"allow": ["*"], "deny": ["evil.example"]}, "evil.example.", False),
        ({"allow": ["*"], "deny": ["*.example"]}, "evil.example.:8448", False),
        ({"allow": ["*"], "deny": ["*.evil.example"]}, "a.evil.example", False),
        ({"allow": ["*"], "deny": ["*.evil.example"]}, "evil.example", True),
        ({"allow": ["*.gouv.fr"]}, "a.example", False),
        ({"allow": ["a?.example"]}, "a1.example", True),
        ({"allow": ["a?.example"]}, "a12.example", False),
        ({"allow": ["*"], "deny": ["evil.*"]}, "evil.example", False),
        ({"allow": ["*"], "deny": ["*evil*"]}, "an.evil.example", False),
        ({"allow": ["*"], "deny": ["e*l.ex*"]}, "evil.example", False),
        ({"allow": ["*"], "deny": ["e*l.ex*"]}, "good.example", True),
        ({"allow": ["*"], "deny": ["*e?il*"]}, "an.evil.example", False),
        ({"allow": ["*"], "deny": [f"*e?{i}*" for i in range(501)]}, "good.example", False),  # more than is looked at
        ({"allow": ["*"], "deny": ["*e?il*"] * 7000}, "good.example", True),
        ({"allow": ["*"], "deny": ["**"]}, "good.example", False),
        ({"allow": ["[a-z].example"]}, "b.example", False),
        ({}, "a.example", False),
        ({"allow": "*"}, "a.example", False),
        ({"allow": [1, None]}, "a.example", False),
        ({"allow": [""]}, "a.example", False),
        ({"allow": ["*"], "allow_ip_literals": False}, "1.2.3.4", False),
        ({"allow": ["*"], "allow_ip_literals": False}, "1.2.3.4:8448", False),
        ({"allow": ["*"], "allow_ip_literals": False}, "[::1]:8448", False),
        ({"allow": ["*"], "allow_ip_literals": False}, "127.1:8448", False),
        ({"allow": ["*"], "allow_ip_literals": False}, "2130706433", False),
        ({"allow": ["*"], "allow_ip_literals": False}, "0x7f000001", False),
        ({"allow": ["*"], "allow_ip_literals": False}, "1.2.3.4.", False),
        ({"allow": ["*"], "allow_ip_literals": False}, "1.2.3.example", True),
        ({"allow": ["*"], "deny": ["127.0.0.1"]}, "127.1", False),
        ({"allow": ["*"], "allow_ip_literals": "no"}, "1.2.3.4", True),
        ({"allow": ["*"], "allow_ip_literals": True, "deny": ["1.2.*"]}, "1.2.3.4", False),
    ],
)
def test_who_may_take_part(acl: dict[str, Any], server: str, allowed: bool) -> None:
    assert ServerAcl(acl).allows(server) is allowed
