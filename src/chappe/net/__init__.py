"""What asks other machines, whoever they are: guarded, bounded, and patient with those that are away."""
