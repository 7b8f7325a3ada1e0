"""Packages that the law asks for: one person's data, a room for the public archives."""
