"""What people and programs see of bgctl: text, tables, progress, help."""
