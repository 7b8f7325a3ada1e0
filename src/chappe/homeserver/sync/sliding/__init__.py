"""Simplified sliding sync in the dialect that is deployed (MSC4186 of September 2025): windows over the room list."""
