"""The agent of a node: brings the document of Redis into state/state.json, and reports what became of it."""
