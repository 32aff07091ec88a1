"""What operators look at: metrics, readiness, and the document behind the dashboard."""
