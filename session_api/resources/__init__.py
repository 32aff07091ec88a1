"""HTTP in, HTTP out: a resource has its guard look at the caller, calls what decides, and answers."""
