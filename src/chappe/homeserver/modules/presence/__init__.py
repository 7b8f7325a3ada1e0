"""Who is here, and what they say of it."""
