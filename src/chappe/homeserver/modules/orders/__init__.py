"""Orders: messages that ask for an answer."""
