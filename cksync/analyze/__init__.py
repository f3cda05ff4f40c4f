"""Analyze the published mirror: models, checks, queries, exports and the report."""
