"""Who is active on which version, whether that count is complete, and when a version will be empty."""
