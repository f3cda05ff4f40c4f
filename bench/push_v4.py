"""A push of many edits in bulk calls of API v4 with OAuth, at its limit.

    python -m bench.push_v4                    5,000 edits under 600 requests a minute
    python -m bench.push_v4 --edits 1000
    python -m bench.push_v4 --key              with an API key: 120 requests in each period, which is shortened to 6 s

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

# The limits of OAuth and of a key; the sandbox takes five times the key's of OAuth.
OAUTH_LIMIT, KEY_LIMIT, LATENCY_MS = 600, 120, 50.0
PERIOD, SHORT_PERIOD = 60.0, 6.0
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


def push(edits: int, *, with_key: bool) -> str:
    """Measure a push, and the same push again."""
    period = SHORT_PERIOD if with_key else PERIOD
    with tempfile.TemporaryDirectory(prefix="cksync-bench-") as name:
        folder = Path(name)
        with sandbox(PEOPLE, seed=SEED, rate_limit=KEY_LIMIT, rate_period=period, latency_ms=LATENCY_MS) as server:
            _configure(server, folder, with_key=with_key)
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
                seconds = f"{spent.seconds:.1f}", f"{spent.cpu_seconds:.1f}"
                rows.append((title, len(journal["requests"]), writes, other, limited, *seconds))
            tagged = {each["email_address"] for each in server.truth_v4("subscribers")}
            made = sum(f"new{n}@example.com" in tagged for n in range(edits // 4))
    print(f"new people in the account: {made:,} of {edits // 4:,}\n")
    return markdown(("what", "requests", "bulk writes", "other writes", "429", "seconds", "CPU s"), rows)


def _configure(server: Sandbox, folder: Path, *, with_key: bool) -> None:
    tokens = folder / "oauth.json"
    tokens.touch(0o600)
    tokens.write_text(json.dumps(server.grant()))
    (folder / "key").touch(0o600)
    (folder / "key").write_text(server.key)
    credential = f'api_key = "file:key"\nrate_period_seconds = {SHORT_PERIOD}' if with_key else 'oauth = "oauth.json"'
    (folder / "config.toml").write_text(f'[api]\nbase_url = "{server.url_v4}"\n{credential}\n')


def _cksync(folder: Path, *arguments: str) -> Spent:
    return run_well([sys.executable, "-m", "cksync", "--quiet", *arguments], folder)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.push_v4", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--edits", type=int, default=5_000)
    parser.add_argument("--key", action="store_true")
    given = parser.parse_args()
    limit = f"{KEY_LIMIT} requests in {SHORT_PERIOD:.0f} s" if given.key else f"{OAUTH_LIMIT} requests a minute"
    print(f"{given.edits:,} edits under {limit}\n\n{push(given.edits, with_key=given.key)}\n", flush=True)


if __name__ == "__main__":
    main()
