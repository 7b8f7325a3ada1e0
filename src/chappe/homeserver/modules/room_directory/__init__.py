"""The published room directory, one per hosted domain."""
