"""The models of a large mirror: the cost of building them at a publish, and the time of a query of each.

    python -m bench.models                  1,000,000 people, 3,000,000 subscriptions, 100,000 purchases, 400 broadcasts
    python -m bench.models --people 50000   everything but the broadcasts in proportion

This file's SQL writes the mirror: eight years of sign-ups, and thirty nights after the first pull of which
each saw 600 people change and 400 memberships end. Then the models are built as in a publish (256 MB, two
threads), in a process of its own; and each is queried by `select *` with the filter in its header.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path

import duckdb

from bench.measure import markdown, run_well, size_mb
from cksync.analyze.models import build
from cksync.config import ModelsConfig
from cksync.load.publish import CHECKPOINT_SIZE, MODEL_MEMORY, STORAGE_VERSION, THREADS
from cksync.load.schema import create
from cksync.load.tables import casts, tables
from cksync.sqltext import identifier, literal, quoted

NIGHTS = 30
RUNS = 3  # the best of them: the machine has other work, too
TABLES = [table.name for table in tables()]
FIRST = "timestamptz '2026-10-01 03:00:00+00'"

# The state at the first pull; `{people}` is the number of people.
ROWS = {
    "account": "select 'Acme' as name, 'pro' as plan_type, 'owner@example.com' as primary_email_address",
    "custom_fields": "select i as id, 'field_' || i as key, 'Field ' || i as label, 'ck_field_' || i as name"
    " from range(1, 6) as t(i)",
    "forms": "select 5000000 + i as id, 'Form ' || i as name, 'embed' as type, timestamptz '2018-01-01' as created_at"
    " from range(8) as t(i)",
    "tags": "select 4100000 + i as id, 'Tag ' || i as name, timestamptz '2018-01-01' as created_at"
    " from range(60) as t(i)",
    "sequences": "select 90000 + i as id, 'Sequence ' || i as name, timestamptz '2018-01-01' as created_at"
    " from range(4) as t(i)",
    "subscribers": """
        select 412000000 + i as id, 'person.' || hash(i) % 1000000 || '.' || i || '@example.com' as email_address,
            'Noor' as first_name,
            case when hash(i) % 10 < 8 then 'active' when hash(i) % 10 = 8 then 'cancelled' else 'bounced' end as state,
            timestamptz '2018-10-01' + to_seconds(i * (8 * 365 * 86400 // {people}) + hash(i) % 3600) as created_at,
            json_object('field_1', 'Name ' || hash(i) % 1000, 'field_2', 'Company ' || hash(i) % 5000,
                'field_3', case when i % 2 = 0 then 'DE' end, 'field_4', 'pro', 'field_5', null) as fields
        from range({people}) as t(i)
    """,
    "subscriptions": """
        select 6204968295 + 3 * i + k as id, case k when 0 then 'form' else 'tag' end as subscribable_type,
            case k when 0 then 5000000 + hash(i) % 8 else 4100000 + (hash(i * 3 + k) % 30) * 2 + k % 2 end
                as subscribable_id,
            412000000 + i as subscriber_id, 'active' as state,
            case when k = 0 and i % 4 = 0 then 'https://site' || hash(i) % 40 || '.example.org/a?utm_source=s'
                || hash(i) % 20 || '&utm_medium=email' end as referrer,
            timestamptz '2018-10-01' + to_seconds(i * (8 * 365 * 86400 // {people}) + k * 86400) as created_at
        from range({people}) as t(i), range(3) as u(k)
    """,
    "broadcasts": """
        select 12049964 - i as id, 'Mail ' || i as subject, {first} - to_days(7 * i::integer + 1) as created_at,
            {first} - to_days(7 * i::integer + 1) as published_at, {first} - to_days(7 * i::integer + 1) as send_at
        from range(400) as t(i)
    """,
    "broadcast_stats": """
        select 12049964 - i as broadcast_id, {people} // 2 as recipients, 30 + hash(i) % 20 as open_rate,
            1 + hash(i) % 5 as click_rate, 20 + hash(i) % 80 as unsubscribes, {people} // 50 as total_clicks,
            'completed' as status, 100 as progress
        from range(400) as t(i)
    """,
    "purchases": """
        select 160000000 + i as id, 't' || i as transaction_id, 'paid' as status, email_address,
            412000000 + n as subscriber_id, case when i % 3 = 0 then 'EUR' else 'USD' end as currency,
            timestamptz '2019-10-01' + to_seconds(i * (7 * 365 * 86400 // ({people} // 10))) as transaction_time,
            120 as subtotal, 6 as tax, 0 as shipping, case when i % 9 = 0 then 10 else 0 end as discount, 126 as total
        from (select i, hash(i) % {people} as n from range({people} // 10) as t(i)) as orders
        join main.subscribers on subscribers.id = 412000000 + n
    """,
    "purchase_products": """
        select 160000000 + i as purchase_id, k + 1 as position, 'Product ' || (hash(i) + k) % 30 as name,
            'p-' || (hash(i) + k) % 30 as sku, 60 as unit_price, 1 as quantity
        from range({people} // 10) as t(i), range(2) as u(k)
    """,
}


def make(path: Path, people: int) -> None:
    """Write the mirror."""
    with duckdb.connect(config={"threads": 2, "memory_limit": "4GB"}) as db:
        db.execute("set TimeZone = 'UTC'")
        db.execute(f"attach {literal(path)} as mirror (storage_version '{STORAGE_VERSION}')")
        db.execute("use mirror")
        db.execute(casts())
        create(db, tables())
        for name, select in ROWS.items():
            rows = select.format(people=people, first=FIRST)
            columns = quoted([row[0] for row in db.execute(f"describe {rows}").fetchall()])
            into = f"main.{name} ({columns}, _first_seen_at, _synced_at)"
            db.execute(f"insert into {into} select *, {FIRST}, {FIRST} from ({rows})")
            db.execute(f"insert into history.{name} select *, _synced_at, null, 'insert' from main.{name}")
        db.execute(
            f"""
            insert into _cksync.loads (load_id, streams, account, started_at, ended_at, exit_status, is_finished)
            select strftime(began_at, '%Y%m%dT%H%M%S'), 'all', 'owner@example.com', began_at,
                began_at + interval 5 minute, 0, true
            from (select {FIRST} - interval 5 minute + to_days(i::integer) as began_at from range({NIGHTS + 1}) as t(i))
            """
        )
        for night in range(1, NIGHTS + 1):
            _pass_night(db, night, people)
        db.execute("use memory")
        db.execute("detach mirror")


def _pass_night(db: duckdb.DuckDBPyConnection, night: int, people: int) -> None:
    """Simulate a night: 600 people change their state, 400 memberships end."""
    now = f"({FIRST} + interval {night} day)"
    step = max(1, people // 600)
    db.execute(
        f"""
        create or replace temp table changed as
        select id, case state when 'active' then 'cancelled' else 'active' end as state
        from main.subscribers where (id - 412000000 + {night * 7}) % {step} = 0
        """
    )
    db.execute(
        f"update main.subscribers as p set state = changed.state, _synced_at = {now}"
        " from changed where changed.id = p.id"
    )
    db.execute(
        f"update history.subscribers as p set valid_to = {now}"
        " where valid_to is null and id in (select id from changed)"
    )
    db.execute(
        f"insert into history.subscribers select *, {now}, null, 'update'"
        " from main.subscribers semi join changed using (id)"
    )
    gone = f"(id + {night * 11}) % {max(1, 3 * people // 400)} = 0"
    db.execute(
        f"insert into history.subscriptions select *, {now}, {now}, 'delete' from main.subscriptions where {gone}"
    )
    db.execute(f"update history.subscriptions set valid_to = {now} where valid_to is null and {gone}")
    db.execute(f"delete from main.subscriptions where {gone}")


def build_models(path: Path) -> None:
    """Build the models as a publish does; print the seconds of each, of all, and any problem."""
    with duckdb.connect(
        config={
            "memory_limit": MODEL_MEMORY,
            "threads": THREADS,
            "temp_directory": str(path.with_suffix(".spill")),
            "preserve_insertion_order": False,
            "checkpoint_threshold": CHECKPOINT_SIZE,
        }
    ) as db:
        db.execute("set TimeZone = 'UTC'")
        db.execute(f"attach {literal(path)} as mirror (storage_version '{STORAGE_VERSION}')")
        db.execute("use mirror")
        began = time.perf_counter()
        analysis = build(db, ModelsConfig(), TABLES)
        built = time.perf_counter() - began
        db.execute("use memory")
        db.execute("detach mirror")
        print(f"{built:.2f} {time.perf_counter() - began:.2f} {sum(each.seconds for each in analysis.models):.2f}")
        print(*analysis.complaints, sep="\n")


def answers(path: Path) -> list[Sequence[object]]:
    """Return a line per model: rows, and seconds, of `select *` with its filter and without."""
    found: list[Sequence[object]] = []
    with duckdb.connect(str(path), read_only=True, config={"threads": 2}) as db:
        db.execute("set TimeZone = 'UTC'")
        models = db.execute(
            "select name, kind, coalesce(filter, 'true'), seconds from _cksync.models"
            " where problem is null order by name"
        ).fetchall()
        for name, kind, condition, seconds in models:
            query = f"from main.{identifier(name)} where {condition}"
            rows, took = min((_timed(db, query) for _ in range(RUNS)), key=itemgetter(1))
            found.append((name, kind, f"{seconds:.2f}", f"{rows:,}", f"{took:.2f}"))
            print(*found[-1], sep="  ", file=sys.stderr, flush=True)
    return found


def _timed(db: duckdb.DuckDBPyConnection, query: str) -> tuple[int, float]:
    began = time.perf_counter()
    rows = sum(batch.num_rows for batch in db.sql(query).to_arrow_reader(100_000))
    return rows, time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.models", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--keep", type=Path, help="where to keep the mirror")
    given = parser.parse_args()
    if given.build:
        build_models(given.build)
        return
    with tempfile.TemporaryDirectory(prefix="cksync-bench-") as name:
        path = Path(name) / "mirror.duckdb"
        make(path, given.people)
        before = size_mb(path)
        spent = run_well([sys.executable, "-m", "bench.models", "--build", str(path)], Path(name))
        said = (Path(name) / "output.txt").read_text().splitlines()
        built, whole, models = said[0].split()
        print(markdown(("model", "stored as", "made in s", "rows with its filter", "answers in s"), answers(path)))
        print(
            f"\n{given.people:,} people: models {models} s, with all checks {built} s, with the checkpoint {whole} s,"
            f" {spent.cpu_seconds:.1f} s of processor time,"
            f" peak {spent.peak_mb:.0f} MB; the file grew from {before:.0f} to {size_mb(path):.0f} MB."
        )
        print(*said[1:], sep="\n")
        if given.keep:
            shutil.copyfile(path, given.keep)


if __name__ == "__main__":
    main()
