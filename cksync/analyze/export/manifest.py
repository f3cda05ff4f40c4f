"""manifest.json of a folder: its content, the mirror it comes from, and checksums to verify it."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cksync.analyze.export.events import Stamp
from cksync.analyze.export.source import ExportTable

NAME = "manifest.json"
MAKER = "cksync"
# Files that operating systems leave in folders.
_OF_NOBODY = {".DS_Store", "Thumbs.db"}


@dataclass(frozen=True, slots=True)
class File:
    """A file of a table: its path below the folder, its rows, and the value of its partition."""

    path: Path
    rows: int
    partition: Mapping[str, str | None] | None = None


@dataclass(frozen=True, slots=True)
class TableFiles:
    """A table and its files."""

    table: ExportTable
    files: tuple[File, ...]


def write(folder: Path, form: str, stamp: Stamp, entries: Iterable[TableFiles], notes: Sequence[str] = ()) -> None:
    """Write the manifest, reading every file once for its SHA-256."""
    text = {
        "made_by": MAKER,
        "cksync_version": stamp.version,
        "made_at": stamp.made_at.isoformat(),
        "format": form,
        "emails_hashed": stamp.is_hashed,
        "mirror": {
            "load_id": stamp.load_id,
            "loaded_at": stamp.loaded_at.isoformat() if stamp.loaded_at else None,
        },
        "notes": list(notes),
        "tables": [_table(folder, entry) for entry in entries],
    }
    (folder / NAME).write_text(json.dumps(text, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _table(folder: Path, entry: TableFiles) -> dict[str, Any]:
    table = entry.table
    return {
        "name": table.label,
        "comment": table.comment,
        "rows": table.rows,
        "columns": [{"name": column.name, "type": column.type, "comment": column.comment} for column in table.columns],
        "files": [_file(folder, file) for file in entry.files],
    }


def _file(folder: Path, file: File) -> dict[str, Any]:
    with open(folder / file.path, "rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    size = (folder / file.path).stat().st_size
    described = {"path": file.path.as_posix(), "rows": file.rows, "bytes": size, "sha256": digest}
    return {**described, "partition": dict(file.partition)} if file.partition else described


def foreign_file(folder: Path) -> str | None:
    """Return a foreign file of a folder, which must then not be replaced; None if an export made the folder."""
    names = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if not path.is_dir() and path.name not in _OF_NOBODY
    }
    if not names:
        return None
    try:
        manifest = json.loads((folder / NAME).read_text(encoding="utf-8"))
        ours = {file["path"] for table in manifest["tables"] for file in table["files"]} | {NAME}
        is_made_by_cksync = manifest["made_by"] == MAKER
    except (OSError, ValueError, LookupError, TypeError):
        is_made_by_cksync, ours = False, set()
    others = names if not is_made_by_cksync else names - ours
    return min(others) if others else None
