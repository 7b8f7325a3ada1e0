"""The door of the administration APIs."""
