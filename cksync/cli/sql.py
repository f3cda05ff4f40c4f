"""`cksync sql`: needs nothing but DuckDB and the published file."""

import csv
import shutil
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any

import click

from cksync.cli import Settings, common

if TYPE_CHECKING:
    import duckdb
    import msgspec

FETCH_ROWS = 10_000


@click.command(context_settings={"ignore_unknown_options": True})  # a query may begin with a comment: --
@click.argument("query", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "parquet"]),
    default="table",
    help="How to print the result; parquet goes into a file or a pipe.",
)
@common
@click.pass_obj
def sql(settings: Settings, query: str | None, form: str) -> None:
    """Ask the mirror in SQL, read-only. Without QUERY, it is read from stdin."""
    from cksync.analyze.query import ask

    text = query if query not in (None, "-") else sys.stdin.read()
    if form == "parquet" and sys.stdout.isatty():
        raise click.UsageError(
            "parquet is no text: send it into a file, as in `cksync sql … --format parquet > out.parquet`"
        )
    with ask(settings.load().data_dir, text or "") as relation:
        if relation is not None:
            PRINTERS[form](relation)


def _table(relation: "duckdb.DuckDBPyRelation") -> None:
    width = shutil.get_terminal_size((160, 24)).columns if sys.stdout.isatty() else 10_000
    relation.show(max_width=width, max_rows=40 if sys.stdout.isatty() else 1_000_000)


def _csv(relation: "duckdb.DuckDBPyRelation") -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(relation.columns)
    for row in relation.iter_rows(FETCH_ROWS):
        writer.writerow([_text(value) for value in row])


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict | list | tuple):
        return _encoder().encode(value).decode()
    return value.isoformat() if isinstance(value, datetime) else value


def _json(relation: "duckdb.DuckDBPyRelation") -> None:
    """An array of objects, a row a line; JSON columns are JSON, decimals keep their digits."""
    import msgspec

    encoder = _encoder()
    is_json = [str(kind) == "JSON" for kind in relation.types]
    names = _distinct(relation.columns)
    separator = "[\n"
    for row in relation.iter_rows(FETCH_ROWS):
        values = [
            msgspec.Raw(value.encode()) if raw and value is not None else value
            for value, raw in zip(row, is_json, strict=True)
        ]
        sys.stdout.write(separator + encoder.encode(dict(zip(names, values, strict=True))).decode())
        separator = ",\n"
    sys.stdout.write("[]\n" if separator == "[\n" else "\n]\n")


@cache
def _encoder() -> "msgspec.json.Encoder":
    import msgspec

    return msgspec.json.Encoder(decimal_format="number", enc_hook=str)


def _distinct(names: Sequence[str]) -> list[str]:
    """The names of columns, a second one with a number behind it: no value hides another."""
    found: list[str] = []
    for name in names:
        others = (f"{name}_{number}" for number in count(1))
        found.append(name if name not in found else next(other for other in others if other not in found))
    return found


def _parquet(relation: "duckdb.DuckDBPyRelation") -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from cksync.errors import Rejected

    reader = relation.to_arrow_reader(FETCH_ROWS)
    try:
        writer = pq.ParquetWriter(pa.PythonFile(sys.stdout.buffer, mode="w"), reader.schema, compression="zstd")
    except pa.ArrowNotImplementedError as error:
        raise Rejected(f"a column has a type that Parquet does not know; cast it to varchar ({error})") from None
    with writer:
        for batch in reader:
            writer.write_batch(batch)


PRINTERS: dict[str, Callable[["duckdb.DuckDBPyRelation"], None]] = {
    "table": _table,
    "csv": _csv,
    "json": _json,
    "parquet": _parquet,
}
