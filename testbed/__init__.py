"""What the demo and the tests try bgctl on: a project, its certificates, and a load that judges answers."""
