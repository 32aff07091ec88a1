"""What is shown of bgctl: single modules (`unit`, `lua`), whole stacks (`e2e`); `bench` measures it."""
