"""What the proxy does with connections, bodies and slots that fail."""
