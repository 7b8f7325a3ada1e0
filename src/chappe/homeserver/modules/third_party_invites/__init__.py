"""Third-party invites."""
