"""Rooms across servers: events that come in, joins elsewhere, and what other servers may read."""
