"""bgctl monitor: `picture` is what there is to see, `dashboard` draws it, `live` shows it and reads keys."""
