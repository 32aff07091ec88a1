"""bgctl: drives a compose stack through a blue-green release."""

__version__ = "0.1.0"
