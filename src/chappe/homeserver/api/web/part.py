"""The web client and the well-known documents as a part of a node."""

from __future__ import annotations

from chappe.config import Registration
from chappe.homeserver.accounts.single_sign_on.providers import Providers
from chappe.homeserver.api.web.web_client import SignInMeans, WebClient
from chappe.homeserver.api.well_known.wellknown import WellKnown
from chappe.homeserver.part import Part


def means(registration: Registration, providers: Providers) -> SignInMeans:
    def provider_of(server_name: str) -> str | None:
        return next((provider.name for provider in providers.of(server_name)), None)

    return SignInMeans(registration.open or registration.by_token or registration.email_required, provider_of)


PART = Part("web client", gives=(means,), endpoints=(WebClient, WellKnown))
