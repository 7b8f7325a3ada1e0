"""Delayed events."""
