"""Features that the tests add to a node, as `docs/adding-a-module.md` says."""
