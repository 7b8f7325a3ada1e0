"""Other servers: where they are, how they are asked, whose keys they sign with. Knows no rooms."""
