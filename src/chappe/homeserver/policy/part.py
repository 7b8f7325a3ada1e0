"""What the engine asks, where nothing is forbidden and nothing held, as a part of a node."""

from __future__ import annotations

from chappe.homeserver.part import Part
from chappe.homeserver.policy import Policy
from chappe.homeserver.policy.holds import Holds

PART = Part("policy", gives=(Policy, Holds))
