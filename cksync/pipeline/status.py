"""Status of the mirror: from the mirror itself, and from the log for unpublished loads."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from cksync.analyze.models import noted
from cksync.domain import version_sql
from cksync.folder import Folder
from cksync.load.drift import ADVICE, is_outdated
from cksync.load.log import PUSH, Load, load_ids, pinned_account, read_load
from cksync.mirror import open_mirror
from cksync.versions import Version

LOADS_SHOWN = 5
# How long a failed change is listed; afterwards it was edited, or is no longer wanted.
DAYS_SHOWN = 30
INTERRUPTED = 130


@dataclass(frozen=True)
class StreamStatus:
    """One stream: its slices, the rows of its table, and the records that its lists had when they were last read (a
    record may be in several lists). `cursor_at` is the oldest cursor, `current_at` when the last pull began that read
    the stream to its end; None if none did."""

    stream: str
    slices: int
    complete: int
    rows: int | None
    records: int
    cursor_at: datetime | None
    current_at: datetime | None


@dataclass(frozen=True)
class LoadStatus:
    """One load; `exit_status` is None while it runs, and if it was killed. `is_finished` says that it read what it was
    to read, `is_published` that the mirror has all of it."""

    load_id: str
    started_at: datetime
    ended_at: datetime | None
    exit_status: int | None
    requests: int | None
    is_published: bool
    message: str
    is_push: bool
    is_running: bool
    is_finished: bool

    @property
    def is_closed(self) -> bool:
        """Whether it ended by itself: neither running, nor killed or interrupted."""
        return self.exit_status not in (None, INTERRUPTED)


@dataclass(frozen=True)
class NotPushed:
    """A change that was rejected or has an unknown outcome, and was not pushed since."""

    pushed_at: datetime
    what: str
    target: str
    outcome: str
    message: str | None


@dataclass(frozen=True)
class Status:
    """The output of `cksync status`; `complaints` lists models that could not be built, and failed data checks."""

    data_dir: str
    account: str | None
    published_at: datetime | None
    tables: dict[str, int]
    streams: tuple[StreamStatus, ...]
    incomplete: tuple[tuple[str, str], ...]
    loads: tuple[LoadStatus, ...]
    not_pushed: tuple[NotPushed, ...] = ()
    advice: str | None = None
    complaints: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """As values for JSON."""
        return asdict(self)


def status(data_dir: Path) -> Status:
    """Read the status. Raises Failed if the mirror or the log is damaged."""
    folder = Folder(data_dir)
    folder.check_format()
    if not folder.mirror.exists():
        return Status(str(data_dir), pinned_account(folder.log), None, {}, (), (), _loads(folder, {}))
    with open_mirror(folder) as db:
        tables = _tables(db)
        known = {row[0]: row[1:] for row in db.execute(f"select {_KNOWN} from _cksync.loads").fetchall()}
        return Status(
            data_dir=str(data_dir),
            account=_one(db, "select primary_email_address from account limit 1"),
            published_at=_one(db, "select max(coalesce(ended_at, started_at)) from _cksync.loads where account <> ''"),
            tables=tables,
            streams=_streams(db, tables),
            incomplete=_incomplete(db),
            loads=_loads(folder, known),
            not_pushed=_not_pushed(db),
            advice=ADVICE if is_outdated(db) else None,
            complaints=noted(db).complaints,
            notes=_notes(db),
        )


def _notes(db: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """What the version that was read last does not bring up to date."""
    if _version(db) == "v3":
        return ()
    last = _one(db, "select max(load_id) from _cksync.loads where version = 'v4' and is_finished and streams = 'all'")
    at = _one(db, "select max(cursor_at) from _cksync.slices where stream = 'purchases'")
    read = _one(db, "select max(load_id) from _cksync.slices where stream = 'purchases'")
    if last is None or (read is not None and read >= last):
        return ()
    since = f"as of {at:%Y-%m-%d %H:%M} UTC" if at else "not in the mirror"
    return (f"purchases are {since}: API v4 gives them to OAuth only, or API v3 to its secret",)


def _one(db: duckdb.DuckDBPyConnection, query: str) -> Any:
    row = db.execute(query).fetchone()
    return row[0] if row else None


def _tables(db: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """The row counts of the tables that have a history."""
    names = db.execute("select table_name from duckdb_tables() where schema_name = 'history' order by 1").fetchall()
    return {name: _one(db, f'select count(*) from main."{name}"') for (name,) in names}


def _version(db: duckdb.DuckDBPyConnection) -> Version:
    """The version of the API that was read last."""
    is_old = not db.execute(
        "select 1 from duckdb_columns()"
        " where schema_name = '_cksync' and table_name = 'loads' and column_name = 'version'"
    ).fetchone()
    if is_old:  # a mirror of an older cksync
        return "v3"
    query = "select version from _cksync.loads where account <> '' and streams <> 'push' order by load_id desc limit 1"
    return "v4" if _one(db, query) == "v4" else "v3"


def _slices(db: duckdb.DuckDBPyConnection) -> str:
    """SQL for the slices of the version that was read last; purchases may come from the other one."""
    version = _version(db)
    of_both = "or stream = 'purchases'" if version == "v4" else ""
    return f"(from _cksync.slices where {version_sql('slice')} = '{version}' {of_both})"


def _streams(db: duckdb.DuckDBPyConnection, tables: Mapping[str, int]) -> tuple[StreamStatus, ...]:
    """The streams that have slices, and those that no pull has read to the end."""
    from cksync.extract.streams import streams_of  # with the HTTP client, which nothing else here needs

    rows = db.execute(
        f"""
        select stream, count(*), count(*) filter (is_complete), sum(rows)::bigint, min(cursor_at)
        from {_slices(db)} group by stream
        """
    ).fetchall()
    read = {row[0]: row[1:] for row in rows}
    current = _current(db)
    found = []
    for name in sorted({*read, *(name for name in streams_of(_version(db)) if name not in current)}):
        slices, complete, records, cursor_at = read.get(name, (0, 0, 0, None))
        status = StreamStatus(name, slices, complete, tables.get(name), records or 0, cursor_at, current.get(name))
        found.append(status)
    return tuple(found)


def _current(db: duckdb.DuckDBPyConnection) -> dict[str, datetime]:
    """When the last finished pull of each stream began."""
    from cksync.extract.streams import choose, streams_of

    version = _version(db)
    every = frozenset(streams_of(version))
    found: dict[str, datetime] = {}
    query = """
        select streams, max(started_at) from _cksync.loads
        where is_finished and account <> '' and streams <> 'push' group by streams
    """
    for streams, at in db.execute(query).fetchall():
        names = () if streams == "all" else tuple(every.intersection(streams.split(", ")))
        if streams != "all" and not names:
            continue  # streams of the other version
        found |= {name: max(at, found.get(name, at)) for name in choose(names, version)}
    return found


def _incomplete(db: duckdb.DuckDBPyConnection) -> tuple[tuple[str, str], ...]:
    rows = db.execute(
        f"""
        select slice, coalesce(doubt, 'not read to the end')
        from {_slices(db)} where not is_complete order by slice
        """
    ).fetchall()
    return tuple(rows)


def _not_pushed(db: duckdb.DuckDBPyConnection) -> tuple[NotPushed, ...]:
    """The changes that did not succeed in their last push, newest first."""
    rows = db.execute(
        """
        select pushed_at, what, target, outcome, message
        from _cksync.pushes
        where pushed_at > now() - to_days(?)
        qualify load_id = max(load_id) over (partition by what, target) and outcome <> 'done'
        order by pushed_at desc, what, target
        """,
        [DAYS_SHOWN],
    ).fetchall()
    return tuple(NotPushed(*row) for row in rows)


_KNOWN = "load_id, requests, segments, exit_status, message"


def _load(
    load: Load, known: dict[str, tuple[int, int, int | None, str | None]], *, is_newest: bool, is_locked: bool
) -> LoadStatus:
    """A load from the mirror, which may have found more problems, or else from the log."""
    end = load.end
    requests, segments, exit_status, message = known.get(load.load_id, (None, 0, None, None))
    is_published = segments >= len(load.segments)
    is_running = is_newest and is_locked and (end is None or (end.is_finished and not is_published))
    open_message = _without_end(is_running=is_running, is_newest=is_newest, is_published=is_published)
    return LoadStatus(
        load_id=load.load_id,
        started_at=load.start.started_at,
        ended_at=end.ended_at if end else None,
        exit_status=exit_status if is_published and end else end.exit_status if end and not end.is_finished else None,
        requests=requests,
        is_published=is_published,
        message=message if is_published and message else end.message if end and not end.is_finished else open_message,
        is_push=load.start.streams == PUSH,
        is_running=is_running,
        is_finished=end is not None and end.is_finished,
    )


def _without_end(*, is_running: bool, is_newest: bool, is_published: bool) -> str:
    """The outcome of a load that is running, or was killed."""
    if is_running:
        return "running"
    stopped = "stopped after it published" if is_published else "stopped"
    return f"{stopped}; {'the next pull continues' if is_newest else 'a later pull continued'} it"


def _loads(folder: Folder, known: dict[str, tuple[int, int, int | None, str | None]]) -> tuple[LoadStatus, ...]:
    """The last loads, newest first. A load without an end, or not published, is running or was killed."""
    log = [read_load(folder.log, load_id) for load_id in reversed(load_ids(folder.log)[-LOADS_SHOWN:])]
    is_locked = folder.is_locked()
    return tuple(_load(load, known, is_newest=place == 0, is_locked=is_locked) for place, load in enumerate(log))
