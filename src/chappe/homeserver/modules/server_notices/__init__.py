"""Which room holds whose server notices."""
