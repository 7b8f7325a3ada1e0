"""What administrators look at and change across the modules."""
