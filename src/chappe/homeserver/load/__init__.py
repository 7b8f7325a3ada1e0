"""Nothing holds the event loop, and nobody has more than a share: the means by which the other packages keep to it."""
