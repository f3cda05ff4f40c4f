"""The practical floor: one session, one loop, one upsert per 5 000 rows; no retry, no state, no checks.

python bare_loop.py BASE_URL API_SECRET FOLDER
"""

import json
import sys
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import requests

BATCH_ROWS = 5_000
LISTS: tuple[dict[str, str], ...] = ({}, {"sort_field": "cancelled_at"})
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("first_name", pa.string()),
        ("email_address", pa.string()),
        ("state", pa.string()),
        ("created_at", pa.string()),
        ("fields", pa.string()),
    ]
)
TABLE = """
    create table subscribers (
        id bigint primary key, first_name varchar, email_address varchar, state varchar,
        created_at timestamptz, fields json
    )
"""


def main(base_url: str, secret: str, folder: Path) -> None:
    """Read both lists, page by page, into `mirror.duckdb`."""
    rows: list[dict[str, Any]] = []
    with requests.Session() as session, duckdb.connect(str(folder / "mirror.duckdb")) as db:
        db.execute(TABLE)
        for params in LISTS:
            page, pages = 1, 1
            while page <= pages:
                asked = {**params, "page": str(page), "api_secret": secret}
                answer = session.get(f"{base_url}/subscribers", params=asked, timeout=30)
                answer.raise_for_status()
                body = answer.json()
                rows += body["subscribers"]
                pages = body["total_pages"]
                page += 1
                if len(rows) >= BATCH_ROWS:
                    upsert(db, rows)
                    rows = []
        upsert(db, rows)


def upsert(db: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]]) -> None:
    """Insert one batch through Arrow."""
    batch = pa.Table.from_pylist([{**row, "fields": json.dumps(row["fields"])} for row in rows], schema=SCHEMA)
    db.register("batch", batch)
    when = "try_cast(created_at as timestamptz) as created_at"  # the sandbox writes a few in an invalid format
    db.execute(f"insert or replace into subscribers select * replace ({when}) from batch")
    db.unregister("batch")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
