"""Loops that follow the log outward, and the job runner."""
