"""What runs by itself: the units that cron or systemd get, and what one tick of them does."""
