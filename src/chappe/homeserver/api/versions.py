"""`/versions` and `/capabilities`: what clients may try here."""

from __future__ import annotations

from collections.abc import Collection

from chappe.homeserver.accounts.given_fields import GivenFields
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import GUEST_AUTH, NO_AUTH, Answer, Endpoint, endpoint
from chappe.matrix.identifiers import domain_of
from chappe.matrix.room_versions import ROOM_VERSIONS

# what is done otherwise than these texts have it: docs/conformance.md
VERSIONS = ["r0.6.0", "r0.6.1", *(f"v1.{minor}" for minor in range(1, 20))]

ALWAYS = (
    "m.lazy_load_members",
    "org.matrix.msc2285.stable",
    "org.matrix.msc3771",
    "org.matrix.msc3773",
    "org.matrix.msc4380.stable",
    "org.matrix.msc4155",
    "uk.tcpip.msc4133",
    "uk.tcpip.msc4133.stable",
    "org.matrix.msc3083",
    "org.matrix.msc3266.stable",
    # long in the specification; clients of two years ago still ask for them, and hide what they find no flag for
    "org.matrix.e2e_cross_signing",
    "org.matrix.msc2432",
    "org.matrix.msc3827.stable",
    "fi.mau.msc2659.stable",
)


class Versions:
    """`features` are gathered from the endpoints that implement them, and from what has no route of its own (`ALWAYS`)."""

    def __init__(
        self,
        default_room_version: str,
        max_delay_ms: int,
        max_scheduled: int,
        previews: bool,
        has_mail: bool,
        vapid: str,
        fixed_fields: Collection[str],
        given: GivenFields,
    ) -> None:
        self._fixed_fields, self._given = frozenset(fixed_fields), given
        self._has_mail, self._vapid = has_mail, vapid
        self._default_room_version = default_room_version
        self._delays = {"max_delay_ms": max_delay_ms, "max_scheduled": max_scheduled}
        self._previews = previews
        self.features: dict[str, bool] = dict.fromkeys(ALWAYS, True)

    def learn(self, endpoints: list[Endpoint]) -> None:
        self.features.update((feature, True) for e in endpoints for feature in e.features)

    @endpoint("GET", "/_matrix/client/versions", auth=NO_AUTH)
    async def versions(self, request: Request) -> Answer:
        return {"versions": VERSIONS, "unstable_features": self.features}

    @endpoint("GET", "/_matrix/client/v3/capabilities", auth=GUEST_AUTH)
    async def capabilities(self, request: Request) -> Answer:
        moderates = {"m.account_moderation": {"suspend": True, "lock": True}} if request.requester.is_admin else {}
        fixed = self._fixed_fields | self._given.of(domain_of(request.user_id))
        return {
            "capabilities": {
                **moderates,
                "m.change_password": {"enabled": True},
                "m.room_versions": {"default": self._default_room_version, "available": dict.fromkeys(ROOM_VERSIONS, "stable")},
                "m.set_displayname": {"enabled": "displayname" not in self._fixed_fields},
                "m.set_avatar_url": {"enabled": "avatar_url" not in self._fixed_fields},
                "m.profile_fields": {"enabled": True, **({"disallowed": sorted(fixed)} if fixed else {})},
                "m.3pid_changes": {"enabled": self._has_mail},
                "m.get_login_token": {"enabled": True},
                "m.forget_forced_upon_leave": {"enabled": False},
                "m.webpush": {"enabled": True, "vapid": self._vapid},
                "org.matrix.msc4174.webpush": {"enabled": True, "vapid": self._vapid},
                "m.delayed_events": self._delays,
                "org.matrix.msc4140.delayed_events": self._delays,
                "m.preview_url": {"enabled": self._previews},
                "io.element.msc4452.preview_url": {"enabled": self._previews},
            }
        }
