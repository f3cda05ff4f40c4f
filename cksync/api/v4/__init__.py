"""API v4: its catalog and its pages. Nothing outside this package knows them, but for the catalog."""
