"""`python -m cksync` is the command `cksync`."""

from cksync.cli import entry

entry()
