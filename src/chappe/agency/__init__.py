"""The public-sector layer: what makes a Matrix homeserver a messenger for administrations. Off unless `[agency]` turns it on."""
