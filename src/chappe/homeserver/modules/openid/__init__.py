"""OpenID tokens."""
