"""Tells a server of the operator's what has happened in a release."""
