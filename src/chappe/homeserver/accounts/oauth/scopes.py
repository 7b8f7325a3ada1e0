"""Scopes that let an application use an administrator's rights. Without one it has none of them, whoever authorised it."""

from __future__ import annotations

# every administration API, and the console: the name that deployed tools ask for
ADMINISTRATION = "urn:synapse:admin:*"
CONSOLE = "urn:chappe:console:*"  # the console alone
RIGHTS = (ADMINISTRATION, CONSOLE)


def rights_in(scope: str) -> list[str]:
    """Which of them a scope names."""
    tokens = scope.split()
    return [right for right in RIGHTS if right in tokens]
