"""Receipts: how far people have read."""
