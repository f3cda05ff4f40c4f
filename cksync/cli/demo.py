"""`cksync demo`."""

import shutil
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cksync.cli import Settings, common
from cksync.cli.output import print_table

if TYPE_CHECKING:
    import duckdb

    from cksync.cli.demo_account import DemoAccount
    from cksync.config import Config
    from cksync.pipeline.events import PullReport

FOLDER = Path("cksync-demo")
PULLS, DAYS = 13, 90
SECRET = "demo-secret-of-the-sandbox-0000"
V4_KEY = "kit_demo_key_of_the_sandbox_0000"
# What changes from week to week; the first and the last pull read everything.
WEEKLY = ("subscribers", "subscriptions", "broadcasts", "broadcast_stats", "purchases")

# The history of the demo, in queries that are kept in its folder as `@name`.
QUERIES: Mapping[str, str] = {
    "left_last_week": """-- People who unsubscribed since the pull before the last.
select strftime(valid_from, '%Y-%m-%d') as noticed_on, id, email_address
from history.subscribers
qualify state = 'cancelled' and lag(state) over (partition by id order by valid_from) <> 'cancelled'
    and valid_from > now() - interval 7 days
order by all desc
""",
    "list_60_days_ago": """-- The list of 60 days ago, by state.
select state, count(*) as people
from as_of.subscribers(now() - interval 60 days)
group by all order by people desc, state
""",
    "letter_over_time": """-- A letter's figures from pull to pull: the newest letter that changed at least twice.
with letters as (
    select *, count(*) over (partition by broadcast_id) as versions
    from history.broadcast_stats
    where recipients > 0
)

select strftime(valid_from, '%Y-%m-%d') as pulled_on, recipients, round(open_rate, 1) as open_rate, total_clicks,
    unsubscribes
from letters
where broadcast_id = (select max(broadcast_id) from letters where versions > 2)
order by valid_from
""",
    "company_over_time": """-- People whose company changed: each company, and the day of the pull that first saw it.
select strftime(valid_from, '%Y-%m-%d') as noticed_on, id, fields ->> 'company' as company
from history.subscribers
where id in (
    select id from history.subscribers where change <> 'delete'
    group by id having count(distinct fields ->> 'company') > 1
)
qualify company is distinct from lag(company) over (partition by id order by valid_from)
order by id, valid_from
""",
}
QUESTIONS = (
    (
        "Which products sell?",
        """
        select currency, product, units, printf('%.2f', revenue) as revenue
        from revenue_by_product as sold
        order by currency <> (select currency from dim_currency where currency_rank = 1), sold.revenue desc, product_key
        limit 5
        """,
    ),
    (
        "Which ways to the list bring buyers?",
        """
        select forms.name as form, count(distinct subscriptions.subscriber_id) as people,
            count(distinct customers.id) as buyers
        from subscriptions
        join forms on forms.id = subscriptions.subscribable_id and subscriptions.subscribable_type = 'form'
        left join dim_subscriber as customers on customers.id = subscriptions.subscriber_id and customers.is_customer
        group by all order by buyers / people desc, form limit 5
        """,
    ),
    ("How was a letter read, from pull to pull?", QUERIES["letter_over_time"]),
)


@click.command()
@common
@click.pass_obj
def demo(settings: Settings) -> int:
    """Mirror a simulated newsletter, week by week over its last 90 days. All files stay in ./cksync-demo."""
    import duckdb

    from cksync.analyze.report import write_report
    from cksync.cli.demo_account import demo_account
    from cksync.cli.progress import start_logging
    from cksync.config import load_config
    from cksync.folder import Folder

    start_logging(settings.verbosity, quiet=settings.quiet)
    config_path = _fresh_folder()
    click.echo(f"A simulated newsletter, pulled {DAYS} days ago and then every week:\n")
    with demo_account(SECRET, V4_KEY, DAYS) as account:
        config = load_config(config_path, account.environ)
        reports = [_pull(settings, config, account, number) for number in range(PULLS)]
    last = reports[-1]
    requests, seconds = sum(sum(each.requests.values()) for each in reports), sum(each.seconds for each in reports)
    state = last.message.split(":")[0]
    click.echo(f"\n{FOLDER / 'mirror.duckdb'} is {state}: {requests:,} requests in {seconds:.0f} s.")
    with duckdb.connect(str(FOLDER / "mirror.duckdb"), read_only=True) as db:
        for question, query in QUESTIONS:
            click.echo(f"\n{question}\n")
            found = db.sql(query)
            print_table(found.columns, found.fetchall())
    report = write_report(Folder(config.data_dir), FOLDER / "report.html")
    _print_next(config_path, str(report.path))
    return max(each.exit_status for each in reports)


def _pull(settings: Settings, config: "Config", account: "DemoAccount", number: int) -> "PullReport":
    """Pull the account once, on its clock, and print a line; before it, let the account live since the pull before."""
    from cksync.cli.progress import shown
    from cksync.pipeline.events import PullReport
    from cksync.pipeline.pull import pull

    if number:
        account.live(DAYS / (PULLS - 1))
    is_last = number == PULLS - 1
    streams = () if number in (0, PULLS - 1) else WEEKLY
    has_bar = sys.stderr.isatty() and not settings.quiet
    with shown(config, quiet=False) if has_bar else nullcontext(lambda event: None) as show:
        for event in pull(config, streams=streams, environ=account.environ, wall=account.now, analyze=is_last):
            show(event)
    assert isinstance(event, PullReport)
    _print_week(event, account.now(), is_first=number == 0)
    return event


def _print_week(report: "PullReport", at: datetime, *, is_first: bool) -> None:
    """Print the line of a pull: the list on that day, and what happened since the pull before."""
    import duckdb

    if is_first:
        click.echo(
            "pulled on   people  joined  left  orders  requests\n──────────  ──────  ──────  ────  ──────  ────────"
        )
    with duckdb.connect(str(FOLDER / "mirror.duckdb"), read_only=True) as db:
        people, joined, left, orders = _counted(db, at)
    news = (" " * 6, " " * 4, " " * 6) if is_first else (f"{joined:6,}", f"{left:4,}", f"{orders:6,}")
    click.echo(f"{at:%Y-%m-%d}  {people:6,}  {'  '.join(news)}  {sum(report.requests.values()):8,}")


def _counted(db: "duckdb.DuckDBPyConnection", at: datetime) -> tuple[Any, ...]:
    """Count active people, and those who joined, who left and the orders, in the days since the pull before."""
    since = at - timedelta(days=DAYS / (PULLS - 1))
    row = db.execute(
        """
        select (select count(*) from subscribers where state = 'active'),
            (select count(*) from subscribers where created_at > $1),
            (select count(*) from subscribers where canceled_at > $1),
            (select count(*) from purchases where transaction_time > $1)
        """,
        [since],
    ).fetchone()
    assert row is not None
    return row


def _print_next(config: Path, report: str) -> None:
    command = "cksync" if shutil.which("cksync") else sys.argv[0]
    click.echo(f"\nNext steps; the queries on history are in {FOLDER / 'models' / 'queries'}:\n")
    for name in ("@left_last_week", "@list_60_days_ago", "@churn", "@top_broadcasts"):
        click.echo(f"  {command} sql --config {config} {name}")
    click.echo(f"  {command} status --config {config}")
    click.echo("\nTo compare the mirror with the account, serve it in another terminal")
    click.echo("(tomorrow with --days 1: it lives on):\n")
    click.echo(f"  {command} sandbox --rate-limit 0")
    click.echo(f"  {command} verify --config {config}")
    click.echo(f"\nFor your own account: {command} init, then check and pull.")
    click.echo(f"The account in charts, to open in a browser: {report}")


def _fresh_folder() -> Path:
    """Create an empty folder for the demo, with a config file that points to it and to `cksync sandbox`."""
    from cksync.cli.demo_account import RATE_LIMIT, RATE_PERIOD_SECONDS
    from cksync.errors import Refused
    from cksync.folder import Folder

    config = FOLDER / "config.toml"
    if FOLDER.exists() and not config.exists() and not (FOLDER / "format").exists():
        raise Refused(
            f"{FOLDER} already exists and was not created by `cksync demo`; move it, or run the demo in another folder"
        )
    shutil.rmtree(FOLDER, ignore_errors=True)
    Folder(FOLDER).prepare()  # before the config file, which a new data folder must not contain
    queries = FOLDER / "models" / "queries"
    queries.mkdir(parents=True)
    for name, query in QUERIES.items():
        (queries / f"{name}.sql").write_text(query)
    for name, secret in (("api_key", V4_KEY), ("api_secret", SECRET)):
        (FOLDER / name).touch(0o600)
        (FOLDER / name).write_text(secret + "\n")
    limits = "".join(f"{name} = {RATE_LIMIT}\n" for name in ("rate_limit", "v3_rate_limit"))
    config.write_text(
        '# The simulated account of `cksync sandbox`, which needs no limit.\ndata_dir = "."\n\n'
        '[api]\nversion = "v4"\nbase_url = "http://127.0.0.1:8333/v4"\n'
        'api_key = "file:api_key"\napi_secret = "file:api_secret"  # for purchases\n'
        f'{limits}rate_period_seconds = {RATE_PERIOD_SECONDS}\n\n[models]\npath = "models"\n'
    )
    return config
