"""Reports of events, rooms and people to the administrators."""
