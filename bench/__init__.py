"""Measured comparisons, run by hand: `python -m bench.pull`, and every other module here with a `main`."""
