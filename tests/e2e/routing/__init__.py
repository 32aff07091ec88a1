"""Which version answers a request: tokens, pins, previews, migration, and how a switch gets through."""
