"""API v4 over the same world as v3: its own credentials, limits, cursors and shapes. So far it reads only."""

from .api import V4
from .limits import Limits
from .oauth import OAuth

__all__ = ["V4", "Limits", "OAuth"]
