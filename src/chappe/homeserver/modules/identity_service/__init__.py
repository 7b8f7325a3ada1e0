"""The identity service of the hosted domains."""
