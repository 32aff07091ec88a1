"""What bgctl and the agents of all nodes share in Redis: the names of its keys, and their values."""
