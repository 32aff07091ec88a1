"""Files that other programs replace or read: written in one step, and read again when they have changed."""
