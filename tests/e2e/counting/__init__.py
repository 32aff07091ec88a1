"""What is known of sessions and requests: the counts, the metrics and the dashboard."""
