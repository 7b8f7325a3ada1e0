"""The pages that people see when they sign in, as a part of a node."""

from __future__ import annotations

from chappe.homeserver.api.pages.account import AccountPages
from chappe.homeserver.api.pages.addresses import AddressPages
from chappe.homeserver.api.pages.back_channel_logout import BackChannelLogout
from chappe.homeserver.api.pages.consent import ConsentPages
from chappe.homeserver.api.pages.invitation import InvitationPages
from chappe.homeserver.api.pages.legacy_sso import LegacySsoPages
from chappe.homeserver.api.pages.mail_links import MailLinkPages
from chappe.homeserver.api.pages.page import Pages
from chappe.homeserver.api.pages.register import RegisterPages
from chappe.homeserver.api.pages.second_factor import SecondFactorPages
from chappe.homeserver.api.pages.sign_in import SignInPages
from chappe.homeserver.part import Part

PART = Part(
    "pages",
    gives=(Pages,),
    endpoints=(
        SignInPages,
        BackChannelLogout,
        RegisterPages,
        MailLinkPages,
        InvitationPages,
        ConsentPages,
        SecondFactorPages,
        AccountPages,
        AddressPages,
        LegacySsoPages,
    ),
)
