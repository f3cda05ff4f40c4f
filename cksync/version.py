"""The version of cksync."""

__version__ = "0.1.0"
