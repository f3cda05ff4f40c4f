"""From pages to the published mirror: log, merge, publish."""
