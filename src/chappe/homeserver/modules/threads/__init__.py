"""Threads that people follow."""
