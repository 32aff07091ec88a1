"""Who is active, as lua/bg/activity notes and keeps it."""
