"""What is looked at before anything starts, by `bgctl up` and by `bgctl doctor`."""
