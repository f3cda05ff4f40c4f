"""Paths: which a data folder can be, which DuckDB can open at all, and those that it would take for patterns."""

import os
import re
from pathlib import Path

# What cksync puts into a data folder stands so much deeper, with names that are no longer.
ROOM, LONGEST_NAME = 200, 255

# What a folder may hold that is still to become a data folder; the last is what a killed process left of its `format`.
NO_CONTENT = frozenset({".gitignore", ".gitkeep", ".DS_Store", "lost+found", ".format.new"})
NO_DATA_FOLDER = (
    "is not empty and has no `format` file: it has {}, which cksync did not make; name a new or an empty folder"
)


def foreign_file(root: Path, *, is_read: bool = False) -> str | None:
    """Something in a folder that cksync did not make, by name; None for a data folder, and for one that is empty or not
    there. To be read, a mirror alone is enough: somebody has copied it. Raises OSError where it cannot be read."""
    if (root / "format").is_file() or (is_read and (root / "mirror.duckdb").is_file()):
        return None
    try:
        names = {entry.name for entry in os.scandir(root)}
    except FileNotFoundError:
        return None
    return min(names - NO_CONTENT, default=None)


def unusable(path: Path) -> str | None:
    """Why no database can be at or under an absolute path, as the end of a sentence; None where one can."""
    text = str(path)
    for mark in "?\\":
        if mark in text:
            return f"has a {mark} in its path, which DuckDB reads as something else; choose another name"
    try:
        is_utf8 = os.fsencode(text) == text.encode()
    except UnicodeEncodeError:
        is_utf8 = False
    if not is_utf8:  # DuckDB's paths are UTF-8, the system's are bytes in the locale's encoding
        return "has characters in its path that this locale cannot name; choose another, or set LC_ALL=C.UTF-8"
    too_long = len(text.encode()) + ROOM > os.pathconf("/", "PC_PATH_MAX")
    if too_long or any(len(part.encode()) > LONGEST_NAME for part in path.parts):
        return "is too long; choose a shorter name"
    return None


def pattern(path: Path) -> str:
    """A path as the one file that it names, where DuckDB takes a pattern.

    `data[1]` would be `data1`: another folder, and perhaps another account.
    """
    return re.sub(r"([*?\[])", r"[\1]", str(path))
