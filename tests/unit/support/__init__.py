"""What tests of the whole source share: its packages, and the plan that docs/architecture.md has of them."""
