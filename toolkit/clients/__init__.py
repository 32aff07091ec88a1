"""HTTP to the parts of the stack: the control listener of the proxy and the session API."""
