"""Every endpoint of a node: those of its parts, and the two that tell of all."""

from __future__ import annotations

from importlib.metadata import version

from chappe.homeserver.api.versions import Versions
from chappe.homeserver.app.parts import Parts
from chappe.homeserver.http.router import Route, routes_of
from chappe.homeserver.modules.administration.api.rooms import AdminRest


def routes_of_node(parts: Parts) -> list[Route]:
    delays = parts.config.delayed_events
    versions = Versions(
        parts.config.default_room_version,
        delays.max_delay_hours * 3_600_000,
        delays.max_scheduled,
        parts.config.url_previews.enabled,
        parts.mail.is_on,
        parts.vapid.public,
        parts.policy.fixed_fields,
        parts.given_fields,
    )
    rest = AdminRest(parts.administration, parts.accounts, parts.server_notices, f"Chappe {version('chappe')}")
    routes = routes_of(versions, rest, *parts.assembly.endpoints())
    versions.learn([route.endpoint for route in routes])
    rest.learn([route.endpoint for route in routes])
    return routes
