"""A thousand switches in a row under load, and what nobody may notice of them: `make soak`."""
