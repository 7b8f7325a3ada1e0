"""What clients keep on the server for their user."""
