"""A request that somebody asks about: from what people paste to what the proxy can explain."""
