"""Credentials for TURN servers."""
