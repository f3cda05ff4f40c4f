"""Paths: valid data folders, paths that DuckDB can open, and quoting of its glob patterns."""

import os
import re
from pathlib import Path

# Room for the paths of files inside a data folder, and the longest file name.
ROOM, LONGEST_NAME = 200, 255

# Files that a new data folder may contain; the last is left by a process killed while it wrote `format`.
NO_CONTENT = frozenset({".gitignore", ".gitkeep", ".DS_Store", "lost+found", ".format.new"})
NO_DATA_FOLDER = (
    "is not empty and has no `format` file: it contains {}, which cksync did not write; choose a new or empty folder"
)


def foreign_file(root: Path, *, is_read: bool = False) -> str | None:
    """The name of a file that cksync did not write; None for a data folder, and for an empty or missing folder. For
    reading, a copied mirror alone is enough. Raises OSError if the folder cannot be read."""
    if (root / "format").is_file() or (is_read and (root / "mirror.duckdb").is_file()):
        return None
    try:
        names = {entry.name for entry in os.scandir(root)}
    except FileNotFoundError:
        return None
    if "format" in names:  # another process has just created the folder
        return None
    return min(names - NO_CONTENT, default=None)


def unusable(path: Path) -> str | None:
    """The reason why an absolute path cannot hold a database, as the end of a sentence; None if it can."""
    text = str(path)
    for mark in "?\\":
        if mark in text:
            return f"contains {mark} in its path, which DuckDB misreads; choose another name"
    try:
        is_utf8 = os.fsencode(text) == text.encode()
    except UnicodeEncodeError:
        is_utf8 = False
    if not is_utf8:  # DuckDB paths are UTF-8, system paths are bytes in the encoding of the locale
        return (
            "contains characters in its path that this locale cannot encode; choose another name, or set LC_ALL=C.UTF-8"
        )
    too_long = len(text.encode()) + ROOM > os.pathconf("/", "PC_PATH_MAX")
    if too_long or any(len(part.encode()) > LONGEST_NAME for part in path.parts):
        return "is too long; choose a shorter name"
    return None


def pattern(path: Path) -> str:
    """Escape a path for DuckDB functions that take a glob pattern.

    Unescaped, `data[1]` would mean `data1`: another folder, and perhaps another account.
    """
    return re.sub(r"([*?\[])", r"[\1]", str(path))
