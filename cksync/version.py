"""The version of cksync."""

__version__ = "0.2.0"
