"""What an export says while it runs, and at its end."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Moving:
    """So many rows of a table are written; `total` are to be."""

    table: str
    rows: int
    total: int


@dataclass(frozen=True, slots=True)
class Written:
    """A table is written. `bytes` is None where tables share a file; `notes` say what could not be kept."""

    table: str
    rows: int
    bytes: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an export is an export of: `load_id` and `loaded_at` are the mirror's newest load, None where it
    has none."""

    made_at: datetime
    version: str
    load_id: str | None
    loaded_at: datetime | None
    is_hashed: bool


@dataclass(frozen=True, slots=True)
class Exported:
    """The export has taken its place. `bytes` is all of it."""

    target: str
    form: str
    tables: tuple[Written, ...]
    bytes: int
    stamp: Stamp


Event = Moving | Written | Exported
