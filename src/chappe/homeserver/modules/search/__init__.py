"""Searching messages (client-server API, "Search"), in the rooms whose messages the server can read."""
