"""A workspace made anew from the mirror of today, with the edits that are not pushed yet."""

from pathlib import Path

import duckdb

from cksync.errors import Failed
from cksync.folder import Folder
from cksync.load.publish import STORAGE_VERSION
from cksync.sqltext import identifier, literal, quoted
from cksync.write.edits import differs, misshapen, shapes_of
from cksync.write.workspace import TABLES, fill, key_of, opened, written


def refresh(folder: Folder, path: Path) -> dict[str, int]:
    """Take the mirror of today into a workspace; the number of rows of each table.

    What was edited and not pushed stays edited; everything else, and the base, is as the mirror has it. Raises
    Failed when the tables of the workspace cannot be compared.
    """
    with written(path) as temporary, opened(path, folder) as db:
        shapes = shapes_of(db)
        if problems := [each for table in ("subscribers", *TABLES) for each in misshapen(db, shapes, table)]:
            raise Failed(f"{path} cannot be refreshed: {problems[0].table}: {problems[0].reason}")
        db.execute(f"attach {literal(temporary.absolute())} as fresh (storage_version '{STORAGE_VERSION}')")
        db.execute("use fresh")
        (last,) = db.execute("select nextval('work.main.ids')").fetchone() or (-1,)
        rows = fill(db, first_id=last)
        for table in ("subscribers", *TABLES):
            _edit_again(db, table)
        for name in ("actions", "ids"):
            db.execute(f"insert into _cksync.{name} from work._cksync.{name}")
        db.execute("use work")
        db.execute("detach fresh")
        return rows


def _columns(db: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    return [name for name, *_ in db.execute(f"describe {table}").fetchall()]


def _edit_again(db: duckdb.DuckDBPyConnection, table: str) -> None:
    """Do to the fresh table what was done to the old one."""
    key = quoted(key_of(table))
    same = " and ".join(f'new."{name}" = mine."{name}"' for name in key_of(table))
    old, mine, there = (_columns(db, f"{place}.{table}") for place in ("work.base", "work.main", "fresh.main"))
    for name in mine:
        column = identifier(name)
        if name not in there and name not in old:
            db.execute(f"alter table fresh.main.{table} add column {column} varchar")
            there.append(name)
        if name in there and name not in key_of(table):
            # The base of what is edited stays, too: what was changed in the account meanwhile is a conflict still.
            for place, value in [("main", "mine"), *([("base", "base")] if name in old else [])]:
                db.execute(
                    f"""
                    update fresh.{place}.{table} as new set {column} = {value}.{column}
                    from work.main.{table} as mine join work.base.{table} as base using ({key})
                    where {same} and {differs(name, name in old)}
                    """
                )
    both = quoted([name for name in mine if name in there])
    db.execute(
        f"""
        insert into fresh.main.{table} ({both})
        select {both} from work.main.{table} as mine anti join work.base.{table} using ({key})
        """
    )
    db.execute(
        f"""
        delete from fresh.main.{table} as new
        using (select {key} from work.base.{table} anti join work.main.{table} using ({key})) as mine where {same}
        """
    )
