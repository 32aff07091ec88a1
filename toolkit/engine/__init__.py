"""docker and podman with their compose: everything that starts other programs."""
