"""Reading API v4: the order of its scans, and what they prove."""
