"""Addresses (URLs) that somebody sent: split, or refused."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from chappe.matrix.errors import BadRequest


def split_url(text: str) -> SplitResult:
    """Raises M_INVALID_PARAM for what the library cannot split: a bracket without its end, a port that is no number."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise BadRequest("This is not an address", "M_INVALID_PARAM") from None
    return parts
