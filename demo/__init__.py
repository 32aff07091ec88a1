"""The demo: a whole release under constant load. `make demo` runs it."""
