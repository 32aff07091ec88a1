"""Judges a share of new sessions: figures in, verdict out. The flow of a canary is in toolkit/release."""
