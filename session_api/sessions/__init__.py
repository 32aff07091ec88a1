"""What happens to a session from its log-in to its end, and by which names it is counted."""
