"""The questions that a homeserver asks before it acts, and the specification's answers.

An organisation layer answers otherwise by giving the app its own `Policy`. A refusal is a raised MatrixError. They are
asked inside the engine and the accounts, so that no path (client, bridge, administration, federation) escapes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chappe.homeserver.matrix.identifiers import UserId


class Policy:
    """The default: what the specification allows, everybody may."""

    async def may_register(self, user_id: UserId, facts: Mapping[str, Any]) -> None:
        """`facts`: how the person proved who they are (token, e-mail), and their address."""

    async def may_create_room(self, user_id: UserId, request: Mapping[str, Any]) -> None: ...

    async def may_join(self, user_id: UserId, room_id: str) -> None: ...

    async def may_invite(self, user_id: UserId, room_id: str, target: UserId) -> None: ...

    async def may_publish(self, user_id: UserId, room_id: str) -> None: ...

    async def may_send(self, user_id: UserId, room_id: str, event_type: str, content: Mapping[str, Any]) -> None: ...

    async def may_upload(self, user_id: UserId, content_type: str, size: int | None) -> None: ...

    async def may_download(self, user_id: UserId | None, server_name: str, media_id: str) -> None: ...

    async def may_be_found(self, searcher: UserId, user_id: UserId) -> bool:
        """Whether a search for people shows somebody to somebody."""
        return True
