"""Where sessions are kept, behind one small interface: in an SQLite file, or in Redis."""
