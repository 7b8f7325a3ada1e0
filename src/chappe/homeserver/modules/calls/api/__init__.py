"""What clients, other servers and LiveKit ask about calls."""
