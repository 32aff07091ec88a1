"""Several hosts: the state as a document in Redis, changed under a lease, and what all nodes report."""
