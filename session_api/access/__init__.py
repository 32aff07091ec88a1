"""Who sends a request, and whether they may: keys, tokens, cookies, and where a page came from."""
