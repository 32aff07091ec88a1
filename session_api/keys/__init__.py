"""The keys/ folder of a project, which bgctl writes and the session API reads. Imports no web framework."""
