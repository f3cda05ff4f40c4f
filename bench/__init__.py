"""Measured comparisons, run by hand: `python -m bench.pull`, `python -m bench.throttle`."""
