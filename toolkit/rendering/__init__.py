"""The proxy's configuration and certificates: from bgctl.toml to the files that nginx reads."""
