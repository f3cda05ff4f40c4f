"""Extract: scans decide what to request, `fetch_all` requests it."""
