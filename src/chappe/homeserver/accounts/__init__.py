"""Users, devices, sessions, tokens, passwords, User-Interactive Authentication, profiles."""
