"""The images that demo and tests need beside the stack's: the demo app, and stand-ins for official images."""
