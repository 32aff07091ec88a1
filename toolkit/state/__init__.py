"""state.json as values: what it may say, and each step of a release as a function from state to state."""
