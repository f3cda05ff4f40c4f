"""The workspace: a DuckDB file to edit with any SQL tool, with the state it started from.

main       tables to edit; ids of new rows count down from -1
base       the same tables as of the checkout
_cksync    the workspace's origin, the meaning of its columns, and the journal of the push
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb

from cksync.custom_fields import PERSON, Field, field_columns, free_column, key_of_label, people
from cksync.domain import OnStep, Step, unseen
from cksync.errors import Failed, Locked, Rejected
from cksync.folder import DISK_FULL, Folder, put_in_place
from cksync.load.publish import STORAGE_VERSION
from cksync.paths import unusable
from cksync.sqltext import identifier, literal, quoted

# The other tables have the mirror's columns without cksync's own; these tables define their own order.
TABLES = (
    "subscriptions",
    "tags",
    "custom_fields",
    "broadcasts",
    "purchases",
    "purchase_products",
    "forms",
    "sequences",
)
_COLUMNS: Mapping[str, Sequence[str]] = {
    "subscriptions": ("subscribable_type", "subscribable_id", "subscriber_id", "id", "state", "created_at"),
    "custom_fields": ("id", "label", "key", "name"),
}
# New rows of these tables get a negative id of their own; that of a membership identifies nothing.
NUMBERED = ("subscribers", "subscriptions", "tags", "custom_fields", "broadcasts", "purchases")
KEYS: Mapping[str, Sequence[str]] = {
    "subscriptions": ("subscribable_type", "subscribable_id", "subscriber_id"),
    "purchase_products": ("purchase_id", "position"),
}

# The position and value of a DuckDB file's signature, and DuckDB's message for a file that is open elsewhere.
_MAGIC = (8, b"DUCK")
_TAKEN = ("Could not set lock on file", "already attached", "different configuration")

_JOURNAL = {
    "checkout": "made_at timestamptz, load_id varchar, account varchar",
    "columns": "name varchar, custom_field_id bigint, key varchar",
    "actions": (
        "id varchar, kind varchar, target varchar, body json, rows json, state varchar, message varchar,"
        " sent_at timestamptz, done_at timestamptz, lifted varchar, version varchar"
    ),
    "ids": "target varchar, local_id bigint, id bigint",
}


def key_of(table: str) -> Sequence[str]:
    """Return the columns that identify a row of a table of the workspace."""
    return KEYS.get(table, ("id",))


def checkout(folder: Folder, path: Path, on_step: OnStep = unseen) -> dict[str, int]:
    """Write a new workspace from the mirror alone; return the number of rows of each table.

    Raises Rejected if the file exists, Failed if there is no mirror or a disk error occurs, Locked if another checkout
    is writing it. Never leaves a partial workspace.
    """
    _check_name(path)
    if path.exists():
        raise Rejected(f"{path} already exists; choose another name, or run `cksync checkout --refresh {path}`")
    if (rest := path.with_name(f"{path.name}.wal")).exists():  # DuckDB would apply it to the new file
        raise Rejected(f"{rest} is left over from a deleted workspace; delete it, or choose another name")
    if not path.parent.is_dir():
        raise Rejected(f"the folder {path.parent} does not exist; create it first")
    with written(path) as temporary, opened(temporary, folder, is_new=True) as db:
        return fill(db, on_step=on_step)


def _check_name(path: Path) -> None:
    if reason := unusable(path.absolute()):
        raise Rejected(f"{path} {reason}")


@contextlib.contextmanager
def written(path: Path) -> Iterator[Path]:
    """Yield a temporary path for a workspace, and move it into place when it is complete. Raises Failed on a disk
    error."""
    place = path.with_name(f".{path.name}.new")
    try:
        with _private_folder(place) as folder:
            temporary = folder / "work.duckdb"
            yield temporary
            temporary.chmod(0o600)
            put_in_place(temporary, path)
    except BlockingIOError:
        raise Locked(f"{path} is being written by another cksync; wait for it to finish") from None
    except (duckdb.Error, OSError) as error:
        raise Failed(f"{path} could not be written: {str(error).splitlines()[0]}") from None


@contextlib.contextmanager
def _private_folder(folder: Path) -> Iterator[Path]:
    """Yield a private folder for a file and whatever DuckDB puts beside it. The folder is removed afterwards; leftovers
    of a killed process are removed first. Raises BlockingIOError if another process uses it."""
    if not folder.is_dir():
        folder.unlink(missing_ok=True)  # cksync 0.1.0 wrote a file
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            for each in folder.iterdir():
                shutil.rmtree(each) if each.is_dir() else each.unlink()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)


def check(path: Path) -> None:
    """Raise Rejected if a file is not a workspace, Failed if it is damaged or unreadable, Locked if another program has
    it open for writing."""
    _check_name(path)
    none = Rejected(f"{path} is not a workspace; create one with `cksync checkout NEW.duckdb`")
    if not path.is_file():
        raise none
    try:
        with open(path, "rb") as file:
            is_database = file.read(_MAGIC[0] + len(_MAGIC[1]))[_MAGIC[0] :] == _MAGIC[1]
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}") from None
    try:
        with duckdb.connect(str(path.absolute()), read_only=True) as db:
            query = "select 1 from duckdb_tables() where schema_name = '_cksync' and table_name = 'actions'"
            if db.execute(query).fetchone() is None:
                raise none
    except duckdb.Error as error:
        if is_database or _is_open_elsewhere(error):
            raise unopened(path, error) from None
        raise none from None


def unopened(path: Path, error: duckdb.Error) -> Failed:
    """Explain why DuckDB cannot open a workspace, or fails while using it."""
    reason = str(error).splitlines()[0]
    if _is_open_elsewhere(error):
        return Locked(f"{path} is open in another program; close it there")
    if "Permission denied" in reason or "Read-only file system" in reason:
        return Failed(f"{path} cannot be written ({reason}); copy it to a writable folder")
    if "CHECKPOINT" in reason or any(words in str(error) for words in DISK_FULL):
        return Failed(
            f"the disk is full: {path} keeps every edit, and what became of those sent; free some space and run the"
            " command again"
        )
    return Failed(
        f"{path} cannot be read as a workspace ({reason}); if it is damaged, check out a new one: an older copy does"
        " not know what was pushed since, and would push it again"
    )


def _is_open_elsewhere(error: duckdb.Error) -> bool:
    """Return True if another program, or this process elsewhere, has the file open."""
    return any(words in str(error) for words in _TAKEN)


@contextlib.contextmanager
def opened(
    path: Path, folder: Folder, *, read_only: bool = False, is_new: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a workspace as `work` (the current database) and the mirror as `mirror`, read-only. Raises Failed if one of
    them cannot be opened, Locked if another program has the workspace open; duckdb.Error if `is_new`."""
    with duckdb.connect(":memory:") as db:
        db.execute("set TimeZone = 'UTC'")
        if not folder.mirror.exists():
            raise Failed(f"there is no mirror in {folder.root} yet; create it with `cksync pull`")
        try:
            db.execute(f"attach {literal(folder.mirror)} as mirror (read_only)")
        except duckdb.Error as error:
            raise Failed(
                f"{folder.mirror} cannot be opened as a DuckDB database ({str(error).splitlines()[0]}); `cksync"
                " rebuild` restores it from the log"
            ) from None
        options = "read_only" if read_only else f"storage_version '{STORAGE_VERSION}'"
        try:
            db.execute(f"attach {literal(path.absolute())} as work ({options})")
        except duckdb.Error as error:
            if is_new:
                raise
            raise unopened(path, error) from None
        db.execute("use work")
        yield db
        db.execute("use memory")
        db.execute("detach work")


def fill(db: duckdb.DuckDBPyConnection, first_id: int = -1, on_step: OnStep = unseen) -> dict[str, int]:
    """Create the tables of a workspace in the current database from the mirror; return the number of rows of each.

    New rows get ids from `first_id` down.
    """
    db.execute("create schema base")
    db.execute("create schema _cksync")
    db.execute(f"create sequence main.ids start {first_id} increment -1 minvalue -9000000000000000000 maxvalue -1")
    for name, definition in _JOURNAL.items():
        db.execute(f"create table _cksync.{name} ({definition})")
    db.execute(
        """
        insert into _cksync.checkout
        select now(), max(load_id), arg_max(account, load_id) from mirror._cksync.loads where account <> ''
        """
    )
    fields = mirror_fields(db)
    if fields:
        values = [value for field in fields for value in (field.column, field.id, field.key)]
        db.execute(f"insert into _cksync.columns values {', '.join(['(?, ?, ?)'] * len(fields))}", values)
    on_step(Step("copying subscribers", 0, 1 + len(TABLES)))
    _copy(db, "subscribers", people(fields, "mirror.main.subscribers"))
    for done, name in enumerate(TABLES, 1):
        on_step(Step(f"copying {name}", done, 1 + len(TABLES)))
        _copy(db, name, rows_of(db, name))
    rows = {}
    for name in ("subscribers", *TABLES):
        counted = db.execute(f"select count(*) from main.{name}").fetchone()
        assert counted is not None
        rows[name] = int(counted[0])
    return rows


def mirror_fields(db: duckdb.DuckDBPyConnection) -> list[Field]:
    """Return the custom fields of the mirror with their columns."""
    query = "select id, key from mirror.main.custom_fields where key is not null order by id"
    return field_columns(db.execute(query).fetchall())


def column_names(db: duckdb.DuckDBPyConnection) -> dict[int, str]:
    """Return the columns of `subscribers` that belong to the account's custom fields, by field id."""
    rows = db.execute("select custom_field_id, name, key from _cksync.columns order by custom_field_id").fetchall()
    taken = {*PERSON, *(name.lower() for _, name, _ in rows if name)}
    # cksync 0.1.0 stored no name for a field that was given by its label alone.
    return {id_: name or free_column(key, taken) for id_, name, key in rows}


def new_columns(db: duckdb.DuckDBPyConnection) -> dict[int, str]:
    """Return the columns of custom fields not created yet, by local id: named by the given key, or by the key that the
    API will derive from the label."""
    rows = db.execute("select id, key, label from main.custom_fields where id < 0 order by id desc").fetchall()
    there = {name.lower(): name for name, *_ in db.execute("describe main.subscribers").fetchall()}
    taken = {*PERSON, *(name.lower() for name in column_names(db).values())}
    planned = {id_: key or key_of_label(label or "") for id_, key, label in rows}
    names = {id_: free_column(key, taken) for id_, key in planned.items() if key}
    return {id_: there.get(name.lower(), name) for id_, name in names.items()}


def rows_of(db: duckdb.DuckDBPyConnection, table: str) -> str:
    """Return a select of a mirror table with the columns of the workspace."""
    described = db.execute(f"describe mirror.main.{table}").fetchall()
    columns = _COLUMNS.get(table) or [name for name, *_ in described if not name.startswith("_")]
    return f"select {quoted(columns)} from mirror.main.{table}"


def _copy(db: duckdb.DuckDBPyConnection, name: str, select: str) -> None:
    """Create a table in both `main` and `base`, ordered by its key."""
    db.execute(f"create table base.{name} as select * from ({select}) order by {quoted(key_of(name))}")
    copy_of_base(db, name)


def copy_of_base(db: duckdb.DuckDBPyConnection, name: str) -> None:
    """Replace a table in `main` with its copy in `base`."""
    described = db.execute(f"describe base.{name}").fetchall()
    numbered = "id" if name in NUMBERED else None
    definition = ", ".join(
        f"{identifier(column)} {kind}" + (" default nextval('main.ids')" if column == numbered else "")
        for column, kind, *_ in described
    )
    db.execute(f"create or replace table main.{name} ({definition})")
    db.execute(f"insert into main.{name} select * from base.{name}")
