"""The report: one HTML file about the account, from the models of the published mirror alone.

Section -> Answer (sentence, charts, tables: values without markup) -> page.py -> one file

It is the same for the same mirror, contains no address and no name of a person, and needs no network.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from cksync.analyze.report.components import SectionContent, row, rows
from cksync.analyze.report.contents import SECTIONS, Section
from cksync.analyze.report.hero import hero, sentence
from cksync.analyze.report.kpis import tiles
from cksync.analyze.report.page import Head, Shown, page
from cksync.analyze.report.periods import Period, read_periods
from cksync.branding import ReportConfig, data_url, readable
from cksync.domain import OnStep, Step, unseen
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

# The signature at the beginning of a report.
HEAD_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class ReportFile:
    """The file, its size in bytes, and the time of its figures."""

    path: Path
    size: int
    as_of: datetime | None


def write_report(
    folder: Folder,
    path: Path,
    brand: ReportConfig | None = None,
    *,
    force: bool = False,
    on_step: OnStep = unseen,
) -> ReportFile:
    """Write the report, replacing an older one. Raises Refused for a file that is not a report, unless forced,
    BadConfig for a logo that is not a picture, and Failed if there is no mirror or no disk space."""
    _check(path, force=force)
    with open_mirror(folder) as db:
        html, as_of = _report(db, folder, brand or ReportConfig(), on_step)
    data = html.encode()
    _write(path, data)
    return ReportFile(path, len(data), as_of)


def _report(
    db: duckdb.DuckDBPyConnection, folder: Folder, brand: ReportConfig, on_step: OnStep
) -> tuple[str, datetime | None]:
    there = {found["name"] for found in rows(db, _THERE)}
    if not {"_cksync.models", "_cksync.checks", "model_settings"} <= there:
        raise Failed(
            f"{folder.mirror} has no models: models.build is false, or an older cksync built the mirror;"
            " build them with `cksync rebuild`"
        )
    settings = row(db, "select as_of, timezone from model_settings")
    account = row(db, "select name from account")
    periods = read_periods(db, there)
    unknown = dict(db.execute("select name, unknown from _cksync.models where unknown is not null").fetchall())
    shown = []
    for done, section in enumerate(SECTIONS):
        on_step(Step(f"answering: {section.title}", done, len(SECTIONS)))
        notes = [unknown[name] for name in section.models if name in unknown]
        shown.append(Shown(section, _answer(db, section, there, periods), notes))
    line = hero(db, periods, there)
    head = Head(
        title=brand.title or account.get("name") or "Your account",
        as_of=settings["as_of"],
        timezone=settings["timezone"],
        logo=data_url(brand.logo) if brand.logo else "",
        colors=readable(brand.color) if brand.color else None,
        lead=sentence(db, periods) if line else "",
        hero=line,
        tiles=tiles(db, periods, there),
        periods=periods,
    )
    return page(head, shown), settings["as_of"]


def _answer(
    db: duckdb.DuckDBPyConnection, section: Section, there: set[str], periods: Sequence[Period]
) -> SectionContent:
    """The content of a section."""
    missing = [name for name in section.models if name not in there]
    if missing:
        return SectionContent(nothing=f"Not available: {', '.join(missing)} could not be built; see `cksync status`.")
    return section.answer(db, periods)


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
