"""The file that is written at first start: the lines of every section, in the order in which an operator reads them."""

from __future__ import annotations

from chappe.config.accounts import PASSWORDS, REGISTRATION, SECOND_FACTOR
from chappe.config.administration import ADMINISTRATION
from chappe.config.agency import ACCOUNT_VALIDITY, AGENCY, CLASSIFICATIONS, READ_GUARD, RETENTION
from chappe.config.antivirus import ANTIVIRUS
from chappe.config.brands import BRANDS, ORGANISATIONS_ELSEWHERE
from chappe.config.config import SERVER
from chappe.config.email import EMAIL
from chappe.config.features import BOTS, CALLS, DELAYED_EVENTS, IDENTITY_SERVICE, PRESENCE, SUPPORT
from chappe.config.federation import FEDERATION
from chappe.config.identity_providers import IDENTITY_PROVIDERS, LDAP
from chappe.config.limits import LIMITS, SHARES
from chappe.config.listeners import LISTENERS
from chappe.config.media import MEDIA, URL_PREVIEWS
from chappe.config.push import PUSH

SECTIONS = (
    SERVER,
    LISTENERS,
    REGISTRATION,
    PASSWORDS,
    MEDIA,
    SHARES,
    CALLS,
    PRESENCE,
    DELAYED_EVENTS,
    URL_PREVIEWS,
    EMAIL,
    ORGANISATIONS_ELSEWHERE,
    BRANDS,
    FEDERATION,
    AGENCY,
    RETENTION,
    CLASSIFICATIONS,
    ANTIVIRUS,
    ACCOUNT_VALIDITY,
    READ_GUARD,
    BOTS,
    IDENTITY_SERVICE,
    PUSH,
    SECOND_FACTOR,
    ADMINISTRATION,
    IDENTITY_PROVIDERS,
    LDAP,
    SUPPORT,
    LIMITS,
)
TEMPLATE = "\n".join(SECTIONS)


def template(server_name: str, address: str, port: int) -> str:
    """The file written at first start."""
    return TEMPLATE.format(server_name=server_name, address=address, port=port)
