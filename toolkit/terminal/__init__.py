"""What people and programs see of bgctl: lines, tables, progress, help and the manual page.

All that is printed goes through `ui`, save the monitor's screen. `humanize` says times and shares in words.
This room knows nothing of releases.
"""
