"""bgctl monitor: `snapshot` is what there is to see, `screen` draws it, `live` shows it and reads keys.

`stream` prints snapshots for programs. `blocks` are the parts of a screen, made of pieces of lines (`layout`)
and of the signs that the terminal has (`glyphs`).
"""
