"""Real stacks on a real container engine, driven by the real command."""
