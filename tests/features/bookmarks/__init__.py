"""Messages that a person keeps to find again."""
