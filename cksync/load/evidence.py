"""What a merge knows before it turns to the tables. Each question is asked once for all of them, so that a table skips
the statements that have nothing to do with it: planning one takes longer than running it on the news of a night."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import duckdb

from cksync.domain import version_sql


@dataclass(frozen=True, slots=True)
class Evidence:
    """`now` and `before`: the versions of the API that show each stream in this merge, and that showed it earlier;
    `missing`: streams with a 404; `complete`: versions with a complete list; `absent`: versions in which a spot check
    found a row absent; `is_corrected`: True if a record has a duplicate key; `has_long`: True if a record must be
    parsed by itself."""

    now: Mapping[str, frozenset[str]]
    before: Mapping[str, frozenset[str]]
    missing: frozenset[str]
    complete: frozenset[str]
    absent: frozenset[str]
    is_corrected: bool
    has_long: bool

    def versions(self, streams: Collection[str], *, before: bool = False) -> frozenset[str]:
        """Return the versions that show any of these streams now, or showed it before."""
        shown = self.before if before else self.now
        return frozenset().union(*(shown.get(stream, frozenset()) for stream in streams))


def evidence(db: duckdb.DuckDBPyConnection) -> Evidence:
    """Collect it from the tables of observations.py and repeated_keys.py, and `_cksync.slices`."""
    rows = db.execute(
        f"""
        select distinct 'now', stream, version from shown
        union all select distinct 'before', stream, {version_sql("slice")} from _cksync.slices
        union all select distinct 'missing', stream::varchar, null from missing
        union all select distinct 'complete', null, version from found
        union all select distinct 'absent', null, version from stood where is_absent
        union all (select 'corrected', null, null from corrected limit 1)
        union all (select 'long', null, null from seen where is_alone limit 1)
        """
    ).fetchall()
    kinds = {kind for kind, _, _ in rows}
    return Evidence(
        _by_stream(rows, "now"),
        _by_stream(rows, "before"),
        frozenset(stream for kind, stream, _ in rows if kind == "missing"),
        frozenset(version for kind, _, version in rows if kind == "complete"),
        frozenset(version for kind, _, version in rows if kind == "absent"),
        "corrected" in kinds,
        "long" in kinds,
    )


def _by_stream(rows: Collection[tuple[str, str, str]], kind: str) -> dict[str, frozenset[str]]:
    pairs = [(stream, version) for what, stream, version in rows if what == kind]
    return {name: frozenset(version for stream, version in pairs if stream == name) for name, _ in pairs}
