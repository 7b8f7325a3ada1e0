"""Calls by way of a LiveKit SFU (MSC4143, MSC4195)."""
