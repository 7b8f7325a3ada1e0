"""Stored filters."""
