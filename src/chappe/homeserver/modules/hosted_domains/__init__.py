"""A hosted domain moves out to an installation of its own, with its accounts, its rooms and their history."""
