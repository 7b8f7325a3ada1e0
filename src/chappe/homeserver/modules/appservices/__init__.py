"""Application services as clients see them."""
