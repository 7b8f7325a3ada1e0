"""The outside world, seen from this installation: its own names and keys, and the blob store."""
