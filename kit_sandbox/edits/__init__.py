"""Everything that can happen to an account, as functions of the world; World has them as its methods."""

from .registry import EDITS

__all__ = ["EDITS"]
