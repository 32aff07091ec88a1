"""From a compose project to its bgctl.toml: what is guessed, what is asked, and what is written."""
