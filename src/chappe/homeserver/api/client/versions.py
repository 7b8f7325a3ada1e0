"""`/versions` and `/capabilities`: what clients may try here."""

from __future__ import annotations

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import GUEST_AUTH, NO_AUTH, Answer, Endpoint, endpoint
from chappe.homeserver.matrix.room_versions import ROOM_VERSIONS

VERSIONS = ["r0.6.0", "r0.6.1", *(f"v1.{minor}" for minor in range(1, 13))]


class Versions:
    """`features` are gathered from the endpoints that implement them."""

    def __init__(self, default_room_version: str) -> None:
        self._default_room_version = default_room_version
        self.features: dict[str, bool] = {}

    def learn(self, endpoints: list[Endpoint]) -> None:
        self.features.update((feature, True) for e in endpoints for feature in e.features)

    @endpoint("GET", "/_matrix/client/versions", auth=NO_AUTH)
    async def versions(self, request: Request) -> Answer:
        return {"versions": VERSIONS, "unstable_features": self.features}

    @endpoint("GET", "/_matrix/client/v3/capabilities", auth=GUEST_AUTH)
    async def capabilities(self, request: Request) -> Answer:
        return {"capabilities": {
            "m.change_password": {"enabled": True},
            "m.room_versions": {
                "default": self._default_room_version, "available": dict.fromkeys(ROOM_VERSIONS, "stable"),
            },
            "m.set_displayname": {"enabled": True},
            "m.set_avatar_url": {"enabled": True},
            "m.profile_fields": {"enabled": True},
            "m.3pid_changes": {"enabled": False},
            "m.get_login_token": {"enabled": False},
        }}  # fmt: skip
