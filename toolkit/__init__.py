"""bgctl: drives a compose stack through a blue-green release."""
