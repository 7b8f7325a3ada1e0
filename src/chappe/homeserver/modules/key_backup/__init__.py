"""Server-side key backups."""
