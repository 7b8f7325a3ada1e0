"""Publish and subscribe: who waits on this process, woken by what the clock hears."""
