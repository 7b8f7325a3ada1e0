"""The node's fetchers of what others name: each may reach other hosts, so that a part names the one that it means."""

from __future__ import annotations

from typing import NewType

from chappe.net.fetcher import Fetcher

PreviewFetcher = NewType("PreviewFetcher", Fetcher)  # of addresses that people write in messages
PushFetcher = NewType("PushFetcher", Fetcher)  # of addresses that people give for pushes and webhooks
