"""Rooms of which nothing is to be left."""
