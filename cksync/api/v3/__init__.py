"""API v3: its catalogue, its pages and its writes. Nothing beside this package knows them."""
