"""Servers for calls as a part of a node."""

from __future__ import annotations

from chappe.homeserver.modules.voip.api import VoipApi
from chappe.homeserver.modules.voip.voip import Voip
from chappe.homeserver.part import Part

PART = Part("voip", gives=(Voip,), endpoints=(VoipApi,))
