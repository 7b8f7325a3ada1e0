"""A node: `features.py` lists its parts, `assemble.py` makes them, `node.py` says how it starts and stops."""

from chappe.homeserver.app.node import Homeserver

__all__ = ["Homeserver"]
