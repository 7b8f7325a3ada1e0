"""The node's fetchers. Each may reach other hosts, so each has a type: whoever fetches names the one that it means."""

from __future__ import annotations

from chappe.net.fetcher import Fetcher


class TrustedFetcher(Fetcher):
    """Of addresses that the operator has written in the configuration."""


class PreviewFetcher(Fetcher):
    """Of addresses that people write in messages, and that other servers name for files."""


class PushFetcher(Fetcher):
    """Of addresses that people give for pushes and webhooks."""
