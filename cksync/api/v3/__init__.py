"""API v3: its catalog, its pages and its writes. Nothing outside this package knows them."""
