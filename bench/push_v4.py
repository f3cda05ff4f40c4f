"""A push of many edits in bulk calls of API v4 with OAuth, at its limit.

    python -m bench.push_v4                    5,000 edits under 600 requests a minute
    python -m bench.push_v4 --edits 1000

The real command; requests are counted by the sandbox.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import duckdb

from bench.measure import Spent, markdown, run_well
from bench.sandbox import Sandbox, sandbox

LIMIT, LATENCY_MS = 600, 50.0
PEOPLE, SEED = 6_000, 7
# Half of the edits are tags, the others new people and values of a field.
EDITS = """
    insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)
        select 'tag', (select min(id) from tags), id from subscribers
        anti join (
            select subscriber_id as id from subscriptions
            where subscribable_type = 'tag' and subscribable_id = (select min(id) from tags)
        ) using (id)
        where state = 'active' order by id limit {half};
    insert into subscribers (email_address, first_name)
        select 'new' || n || '@example.com', 'New' from range({quarter}) numbers(n);
    update subscribers set company = 'Edited' where id in
        (select id from base.subscribers where state = 'active' order by id limit {quarter});
"""


def bulk(edits: int) -> str:
    """Measure a push, and the same push again."""
    with tempfile.TemporaryDirectory(prefix="cksync-bench-") as name:
        folder = Path(name)
        with sandbox(PEOPLE, seed=SEED, rate_limit=LIMIT, latency_ms=LATENCY_MS) as server:
            _configure(server, folder)
            _cksync(folder, "pull")
            _cksync(folder, "checkout", "work.duckdb")
            with duckdb.connect(str(folder / "work.duckdb")) as db:
                db.execute(EDITS.format(half=edits // 2, quarter=edits // 4))
            rows = []
            for title in ("push", "the same push again"):
                server.clear_journal()
                spent = _cksync(folder, "push", "work.duckdb", "--yes", "--allow", "bulk")
                journal = server.journal()
                writes = sum(each["method"] != "GET" and "/bulk" in each["path"] for each in journal["requests"])
                other = sum(each["method"] != "GET" and "/bulk" not in each["path"] for each in journal["requests"])
                limited = journal["by_status"].get("429", 0)
                rows.append((title, len(journal["requests"]), writes, other, limited, f"{spent.seconds:.1f}"))
            tagged = {each["email_address"] for each in server.truth_v4("subscribers")}
            made = sum(f"new{n}@example.com" in tagged for n in range(edits // 4))
    print(f"new people in the account: {made:,} of {edits // 4:,}\n")
    return markdown(("what", "requests", "bulk writes", "other writes", "429", "seconds"), rows)


def _configure(server: Sandbox, folder: Path) -> None:
    tokens = folder / "oauth.json"
    tokens.touch(0o600)
    tokens.write_text(json.dumps(server.grant()))
    (folder / "config.toml").write_text(f'[api]\nbase_url = "{server.url_v4}"\noauth = "oauth.json"\n')


def _cksync(folder: Path, *arguments: str) -> Spent:
    return run_well([sys.executable, "-m", "cksync", "--quiet", *arguments], folder)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.push_v4", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--edits", type=int, default=5_000)
    given = parser.parse_args()
    print(f"{given.edits:,} edits under {LIMIT} requests a minute\n\n{bulk(given.edits)}\n", flush=True)


if __name__ == "__main__":
    main()
