"""From a request to its slot."""
