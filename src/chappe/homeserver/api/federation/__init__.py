"""The server-server API: one file per file of the specification's `data/api/server-server`."""
