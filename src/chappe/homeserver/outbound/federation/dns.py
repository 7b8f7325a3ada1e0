"""SRV records (RFC 2782)."""

from __future__ import annotations

import random

import dns.asyncresolver
import dns.exception
import dns.rdatatype

PATIENCE = 5.0


async def srv(service: str) -> list[tuple[str, int]]:
    """Targets and ports, lowest priority number first, drawn by weight among equals. Empty without a record."""
    try:
        answer = await dns.asyncresolver.resolve(service, dns.rdatatype.SRV, lifetime=PATIENCE)
    except (dns.exception.DNSException, OSError):
        return []
    groups: dict[int, list[tuple[int, str, int]]] = {}
    for record in answer:
        target = record.target.to_text(omit_final_dot=True)
        if target and target != ".":  # a target "." says that the service is decidedly not offered
            groups.setdefault(record.priority, []).append((record.weight, target, record.port))
    return [place for priority in sorted(groups) for place in _drawn(groups[priority])]


def _drawn(group: list[tuple[int, str, int]]) -> list[tuple[str, int]]:
    left, order = sorted(group), []
    while left:
        chosen = random.choices(left, [weight or 0.1 for weight, _, _ in left])[0]  # load sharing, no secret
        left.remove(chosen)
        order.append(chosen[1:])
    return order
