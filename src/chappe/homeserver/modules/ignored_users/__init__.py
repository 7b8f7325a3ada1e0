"""Ignoring users, and who may invite."""
