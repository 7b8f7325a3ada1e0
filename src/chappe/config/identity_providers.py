"""Who else vouches for people: OpenID Connect providers and directories."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from chappe.config.values import ANY_TEXT, says, shaped

_FAILS = "Signing in there fails with words that say so."
_NO_ADDRESS = "An attribute that is not there counts as empty."
_NO_FACT = "Nothing is shown where it is not there."


# Both sections have these.
Domains = Annotated[
    list[str],
    says(
        "The hosted domains whose people sign in by it. Empty: all.",
        example=["example.org"],
        wrong="A domain that is not hosted here adds nobody.",
    ),
]
Rewrite = Annotated[
    list[tuple[str, str]],
    says(
        "How addresses are changed before they are compared: pairs of a regular expression and what replaces it; the first that fits.",
        example=[(r"(.*)@old\.example\.org", r"\1@example.org")],
        wrong="With an expression that is none, signing in fails and the log has the error.",
    ),
]
Title = Annotated[
    str | None,
    says(
        "By what name it tells a person's post, which stands in their card. Left out: none does.",
        example="title",
        wrong=_NO_FACT,
    ),
]
Service = Annotated[
    str | None,
    says(
        "By what name it tells the service that a person belongs to: it stands in their card and in the rooms that they are in, and "
        "whoever is of it in a room can be mentioned at once. Left out: nobody is of one.",
        example="department",
        wrong=_NO_FACT,
    ),
]
Telephone = Annotated[
    str | None,
    says(
        "By what name it tells a person's telephone number, which stands in their card. Left out: none does.",
        example="telephoneNumber",
        wrong=_NO_FACT,
    ),
]
Creates = Annotated[bool, says("Somebody without an account gets one. `false`: they are refused.")]
Links = Annotated[
    bool, says("Somebody who comes for the first time and has the proven address of an account is given that account.")
]


class IdentityProvider(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An OpenID Connect provider by which people may sign in; any number, each a table of its own."""

    id: Annotated[
        str,
        shaped("^[a-z0-9_-]{1,64}$", "1 to 64 of a-z, 0-9, _ and -"),
        says(
            "A short name of your own, which stands in the addresses to register there.",
            example="proconnect",
            wrong="When it changes, people are not recognised by it any more, unless by their address.",
        ),
    ]
    name: Annotated[str, says("What the button says.", example="ProConnect", wrong=ANY_TEXT)]
    issuer: Annotated[
        str,
        says("The provider's address, exactly as it says in its metadata.", example="https://sso.example.org", wrong=_FAILS),
    ]
    client_id: Annotated[str, says("By what name the provider knows this service.", example="chappe", wrong=_FAILS)]
    client_secret: Annotated[
        str | None,
        says("What it gave this service to prove it. Left out: nothing is proven but by PKCE.", example="…", wrong=_FAILS),
    ] = None
    domains: Domains = []
    scopes: Annotated[
        tuple[str, ...],
        says("What it is asked to say of people.", wrong="What it does not know it leaves out, or signing in fails."),
    ] = ("openid", "email", "profile")
    token_auth: Annotated[
        Literal["client_secret_basic", "client_secret_post"],
        says("How the secret is sent: in a header or in the form. The provider's metadata says what it takes.", wrong=_FAILS),
    ] = "client_secret_basic"
    icon: Annotated[
        str | None,
        says(
            "The picture on the button, as clients are told: an `mxc://` address.",
            example="mxc://example.org/abc",
            wrong="No picture stands on the button.",
        ),
    ] = None
    email_claim: Annotated[
        str, says("Which of the provider's claims is the e-mail address.", wrong="People come without an address.")
    ] = "email"
    require_verified_email: Annotated[
        bool,
        says(
            "The address counts only where the provider has verified it. `false`: who can choose it there may take an account."
        ),
    ] = True
    rewrite: Rewrite = []
    localpart_claim: Annotated[
        str | None,
        says(
            "Which claim the user id is made of. Left out: what stands before the @ of the address.",
            example="preferred_username",
            wrong="A claim that is missing counts as left out.",
        ),
    ] = None
    display_name: Annotated[
        str,
        says(
            "What people are called: claims in braces, such as `{given_name} {usual_name}`.",
            wrong="A claim that is missing is left out of the name.",
        ),
    ] = "{name}"
    title_claim: Title = None
    service_claim: Service = None
    telephone_claim: Telephone = None
    create_accounts: Creates = True
    link_by_email: Links = True
    extra_parameters: Annotated[
        dict[str, str],
        says("What is added to the address to which browsers are sent.", example={"acr_values": "eidas1"}, wrong=_FAILS),
    ] = {}
    tells_no_auth_time: Annotated[
        bool,
        says(
            "The provider asks again who somebody is when it is told to (`prompt=login`), and does not say when it did (`auth_time`). "
            "Set it only after a trial: operator.md, “Signing in”."
        ),
    ] = False


class Ldap(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A directory that checks passwords; any number, each a table of its own."""

    uri: Annotated[
        str,
        shaped("^ldaps?://", "an address that begins with ldap:// or ldaps://"),
        says(
            "Where the directory is.",
            example="ldaps://ldap.example.org",
            wrong="Signing in answers 503 while it is not reached.",
        ),
    ]
    base: Annotated[
        str,
        says("Under which entry people are searched.", example="ou=people,dc=example,dc=org", wrong="Nobody is found there."),
    ]
    id: Annotated[
        str,
        says(
            "A name that tells this directory from others.", wrong="After a change people are recognised by their address only."
        ),
    ] = "directory"
    domains: Domains = []
    bind_dn: Annotated[
        str | None,
        says(
            "The entry with which the service looks people up. Left out: as nobody.",
            example="cn=chappe,dc=example,dc=org",
            wrong="The directory refuses, and signing in answers 503.",
        ),
    ] = None
    bind_password: Annotated[str | None, says("The password of that entry.", example="…", wrong="As for the entry.")] = None
    filter: Annotated[
        str,
        says(
            "How an entry is found by what somebody typed (`{login}`).",
            wrong="Where it finds nobody, or several, the password is refused; a malformed one answers 503.",
        ),
    ] = "(|(uid={login})(mail={login}))"
    start_tls: Annotated[bool, says("The connection is encrypted after a greeting, where the address is `ldap://`.")] = False
    ca_file: Annotated[
        str | None,
        says(
            "The file with the authority that has signed the directory's certificate. Left out: those that the system trusts.",
            example="/etc/chappe/ldap-ca.pem",
            wrong="The certificate is not believed, and signing in fails.",
        ),
    ] = None
    email_attribute: Annotated[str, says("Which attribute is the e-mail address.", wrong=_NO_ADDRESS)] = "mail"
    localpart_attribute: Annotated[str, says("Which attribute the user id is made of.", wrong=_NO_ADDRESS)] = "uid"
    display_name: Annotated[str, says("What people of the directory are called: attributes in braces.", wrong=_NO_ADDRESS)] = (
        "{displayName}"
    )
    title_attribute: Title = None
    service_attribute: Service = None
    telephone_attribute: Telephone = None
    rewrite: Rewrite = []
    create_accounts: Creates = True
    link_by_email: Links = True
