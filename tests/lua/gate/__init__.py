"""Requests at the closed gate."""
