"""API v4."""
