"""What each container was started with, and in which settings the files say otherwise by now."""
