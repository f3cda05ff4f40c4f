"""Tables of the mirror in memory, merged from a test's log."""

from pathlib import Path
from typing import Any

import duckdb

from cksync.domain import Slice
from cksync.load.history import Change
from cksync.load.merge import Merged, merge
from cksync.load.observations import Reading, Round
from cksync.load.schema import create
from cksync.load.tables import casts, tables
from tests.support.log_builder import NINE, Given, LogBuilder, at


class MemoryMirror:
    """Some tables of the mirror in memory, into which a test merges segments in groups of its choice."""

    def __init__(self, log: LogBuilder, *names: str) -> None:
        self.log = log
        self.tables = [table for table in tables() if table.name in names]
        self.db = duckdb.connect(config={"threads": 1})
        self.db.execute("set TimeZone = 'UTC'")
        self.db.execute(casts())
        create(self.db, self.tables)
        self._paths: list[Path] = []
        self._new: dict[str, list[Path]] = {}
        self._complete: dict[str, Reading] = {}
        self._rounds: list[Round] = []
        self._began_at = NINE

    def see(
        self,
        slice_: Slice,
        minutes: float,
        *given: Given,
        is_complete: bool = False,
        read_from: float | None = None,
        is_exempt: bool = False,
    ) -> None:
        """Add a page to the log; the next merge reads it."""
        if not self._new:
            self._began_at = at(minutes)
        load = self.log.begin(minutes)
        load.page(slice_, minutes, given)
        load.store()
        path = self.log.folder.log / load.writer.load_id / "000001.parquet"
        self._paths.append(path)
        self._new.setdefault(slice_.stream, []).append(path)
        if is_complete:
            began_at = at(minutes if read_from is None else read_from)
            self._complete[slice_.name] = Reading(slice_.name, began_at, is_exempt)

    def merge(self) -> dict[str, Change]:
        """Merge what was added since the last merge; return the changes by table."""
        return {change.table: change for change in self.ingest().changes}

    def ingest(self) -> Merged:
        """Do the same, but return what it could not trust; of several rounds that of the last one."""
        self.end_round()
        rounds, self._rounds = self._rounds, []
        return merge(self.db, self.tables, rounds)[-1]

    def end_round(self) -> None:
        """Begin another round, which the next merge reads after this one."""
        self._rounds.append(Round(self._began_at, self._new, self._paths[:], tuple(self._complete.values())))
        self._new, self._complete = {}, {}

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.db.execute(query, list(parameters)).fetchall()

    def close(self) -> None:
        self.db.close()
