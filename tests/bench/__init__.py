"""What the promises cost, measured: `make bench`. Figures for the docs, never a test's verdict."""
