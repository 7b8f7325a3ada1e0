"""URL previews."""
