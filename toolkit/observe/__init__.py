"""Looks at a release and changes nothing: what status, doctor and logs show."""
