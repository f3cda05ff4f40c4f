"""API v4 over the same world as v3: its own credentials, limits, cursors, shapes and writes."""

from .api import V4
from .limits import Limits
from .oauth import OAuth

__all__ = ["V4", "Limits", "OAuth"]
