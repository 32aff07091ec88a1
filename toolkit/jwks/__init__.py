"""The keys of identity providers: fetched, checked, and put where proxy and session API read them."""
