"""Health checks, as lua/bg/health sends and judges them."""
