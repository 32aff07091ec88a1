"""What a request shows for itself, and whether it is believed."""
