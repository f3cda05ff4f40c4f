"""The events of an export: its progress, and its result."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Moving:
    """The number of rows of a table written so far, of `total`."""

    table: str
    rows: int
    total: int


@dataclass(frozen=True, slots=True)
class Written:
    """A table is written. `bytes` is None if tables share a file; `notes` say what could not be preserved."""

    table: str
    rows: int
    bytes: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stamp:
    """The origin of an export: `load_id` and `loaded_at` are the mirror's newest load, None if it has none."""

    made_at: datetime
    version: str
    load_id: str | None
    loaded_at: datetime | None
    is_hashed: bool


@dataclass(frozen=True, slots=True)
class Exported:
    """The export is in place. `bytes` is its total size."""

    target: str
    form: str
    tables: tuple[Written, ...]
    bytes: int
    stamp: Stamp


Event = Moving | Written | Exported
