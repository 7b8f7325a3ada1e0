"""The room engine: the only writer of events."""
