"""What the devices of a person have read, sealed by them for each other."""
