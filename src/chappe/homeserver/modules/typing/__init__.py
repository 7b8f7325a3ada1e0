"""Who types now."""
