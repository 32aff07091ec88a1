"""Session tokens: signed, verified, and what their claims mean. The proxy decides by the same rules."""
