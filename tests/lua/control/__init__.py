"""The control listener's answers."""
