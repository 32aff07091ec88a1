"""Bounds for large request bodies."""
