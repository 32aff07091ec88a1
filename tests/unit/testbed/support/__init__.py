"""The demo app behind a proxy that can misbehave, and a load on it."""
