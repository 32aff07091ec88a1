"""Certificates of our own: obtained from an authority by ACME (RFC 8555), renewed, and put into service."""
