"""The release as runbooks: each flow is a list of named steps, safe to repeat after a crash at any point."""
