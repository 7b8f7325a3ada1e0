"""The border gateway: a process between an inner Chappe and other servers that passes what both sides have agreed on, no more."""
