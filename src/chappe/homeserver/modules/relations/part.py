"""Relations between events, and lists of threads, as a part of a node."""

from __future__ import annotations

from chappe.homeserver.modules.relations.api import RelationsApi
from chappe.homeserver.modules.relations.relations import Relations
from chappe.homeserver.modules.relations.store import RelationStore
from chappe.homeserver.part import Part

PART = Part("relations", gives=(RelationStore, Relations), endpoints=(RelationsApi,))
