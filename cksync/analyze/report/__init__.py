"""The report: one HTML file about the account, from the models of the published mirror alone.

Section -> Answer (sentence, charts, tables: values without markup) -> page.py -> one file

It is the same for the same mirror, contains no address and no name of a person, and needs no network.
"""

import contextlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from cksync.analyze.report.components import SectionContent, row, rows
from cksync.analyze.report.contents import SECTIONS, Section
from cksync.analyze.report.kpis import tiles
from cksync.analyze.report.page import Shown, page
from cksync.errors import Failed, Refused
from cksync.folder import Folder, write_whole
from cksync.mirror import open_mirror

__all__ = ["Written", "write_report"]


# The tables of the mirror; `main` is implied.
_THERE = """
    select case schema_name when 'main' then '' else schema_name || '.' end || table_name as name from duckdb_tables()
    union all
    select view_name from duckdb_views() where schema_name = 'main' and not internal
"""

# The source of the figures at the top.
TILES = {"audience_snapshot", "list_growth_daily", "broadcast_performance", "revenue_daily", "dim_currency"}

# The signature at the beginning of a report.
HEAD_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class ReportFile:
    """The file, its size in bytes, and the time of its figures."""

    path: Path
    size: int
    as_of: datetime | None


def write_report(folder: Folder, path: Path, *, force: bool = False) -> ReportFile:
    """Write the report, replacing an older one. Raises Refused for a file that is not a report, unless forced, and
    Failed if there is no mirror or no disk space."""
    _check(path, force=force)
    with open_mirror(folder) as db:
        html, as_of = _report(db, folder)
    data = html.encode()
    _write(path, data)
    return ReportFile(path, len(data), as_of)


def _report(db: duckdb.DuckDBPyConnection, folder: Folder) -> tuple[str, datetime | None]:
    there = {found["name"] for found in rows(db, _THERE)}
    if not {"_cksync.models", "_cksync.checks", "model_settings"} <= there:
        raise Failed(
            f"{folder.mirror} has no models: models.build is false, or an older cksync built the mirror;"
            " build them with `cksync rebuild`"
        )
    settings = row(db, "select as_of, timezone from model_settings")
    account = row(db, "select name from account")
    unknown = dict(db.execute("select name, unknown from _cksync.models where unknown is not null").fetchall())
    shown = [
        Shown(section, answer, [unknown[name] for name in section.models if name in unknown])
        for section in SECTIONS
        if (answer := _answer(db, section, there))
    ]
    top = tiles(db) if there >= TILES else []
    return page(account.get("name"), settings["as_of"], settings["timezone"], top, shown), settings["as_of"]


def _answer(db: duckdb.DuckDBPyConnection, section: Section, there: set[str]) -> SectionContent | None:
    """The content of a section; None for an optional one without any."""
    missing = [name for name in section.models if name not in there]
    if missing:
        return SectionContent(nothing=f"Not available: {', '.join(missing)} could not be built; see `cksync status`.")
    answer = section.answer(db)
    return None if answer.nothing and section.is_optional else answer


def _check(path: Path, *, force: bool) -> None:
    """Raise Refused for an existing file that `cksync report` did not make."""
    try:
        with open(path, "rb") as file:
            is_report = b'<meta name="generator" content="cksync ' in file.read(HEAD_BYTES)
    except OSError:  # missing, or writing gives a better error
        return
    if path.is_file() and not (is_report or force):
        raise Refused(f"{path} is not a cksync report; choose another file, or replace it with --force")


def _write(path: Path, data: bytes) -> None:
    place = path.resolve()  # a link stays a link
    try:
        if place.is_dir():
            raise Failed(f"{path} is a folder; name a file, such as {path / 'report.html'}")
        if place.exists() and not place.is_file():
            raise Failed(f"{path} is not a regular file; choose another path for the report")
        write_whole(place, data)
    except OSError as error:
        with contextlib.suppress(OSError):
            place.with_name(f".{place.name}.new").unlink()
        raise Failed(f"{path} cannot be written: {error.strerror}; choose another path for the report") from None
