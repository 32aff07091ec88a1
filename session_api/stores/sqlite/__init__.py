"""Sessions in one SQLite file, whose schema grows by the numbered scripts below schema/."""
