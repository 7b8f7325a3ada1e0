"""Keys of devices and people: device keys, one-time and fallback keys, cross-signing, device lists."""
