"""What bgctl writes below state/, as the session API reads it: the routing, its lineage, the history."""
