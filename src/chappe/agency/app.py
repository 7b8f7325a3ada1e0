"""A homeserver with the public-sector layer, where the configuration turns it on."""

from __future__ import annotations

from pathlib import Path

from chappe.agency.guest_access import GuestAccess, GuestAccessApi
from chappe.agency.info import OrganisationInfo
from chappe.agency.policy import AgencyPolicy
from chappe.config import Config
from chappe.homeserver.app import Homeserver
from chappe.homeserver.http.router import Route, routes_of


class AgencyServer(Homeserver):
    """One node, as `Homeserver` is."""

    def __init__(self, config: Config, data: Path, database_url: str) -> None:
        self.agency = AgencyPolicy(config.agency) if config.agency.enabled else None
        super().__init__(config, data, database_url, self.agency)

    def _build(self) -> None:
        super()._build()
        if self.agency is not None:
            self.agency.attach(self.rooms, self.database)

    def routes(self) -> list[Route]:
        routes = super().routes()
        if self.agency is None:
            return routes
        guest_access = GuestAccess(self.rooms, self.membership, self.agency)
        owners = OrganisationInfo(self.agency, self.accounts.store), GuestAccessApi(guest_access)
        return [*routes, *routes_of(*owners)]
