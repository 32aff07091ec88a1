"""Sessions in Redis or Valkey: each operation is one script below scripts/."""
