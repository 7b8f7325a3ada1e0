"""Single sign-on: accounts that prove themselves at a provider (OpenID Connect) or in a directory (LDAP)."""
