"""Sync: who waits for what; asks each module for its changes; composes the answer."""
