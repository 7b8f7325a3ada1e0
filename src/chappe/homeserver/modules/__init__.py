"""One folder per module of the specification. Modules do not know each other; only a module's store holds its SQL."""
