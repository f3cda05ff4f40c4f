"""Measured comparisons, run by hand: `python -m bench.pull`, and each module here that has a `main`."""
