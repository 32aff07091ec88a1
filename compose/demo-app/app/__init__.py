"""Slipway: a small notes board that shows which version and slot serve you. It exists to be released."""
