"""What goes to other servers."""
