"""The administration console: what administrators of one organisation, or of all, see and do. Over HTTP and on the command line."""
