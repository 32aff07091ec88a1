"""The state of a release as values: the document state.json, its transitions, its gate and its lineage."""
