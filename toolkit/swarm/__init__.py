"""Docker Swarm as an engine: each node of it is a host with a proxy, a session API and both slots."""
