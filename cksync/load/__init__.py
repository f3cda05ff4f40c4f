"""Load pages into the published mirror: log, merge, publish."""
