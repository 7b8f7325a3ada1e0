"""A node: `parts.py` says what it consists of, `routes.py` what it answers, `node.py` how it starts and stops."""

from chappe.homeserver.app.node import Homeserver
from chappe.homeserver.app.parts import open_blobs

__all__ = ["Homeserver", "open_blobs"]
