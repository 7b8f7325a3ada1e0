"""Clients that take long to fetch or to run: `make clients`, not `make test` (docs/clients.md)."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("CHAPPE_CLIENTS") else ["test_*.py"]
