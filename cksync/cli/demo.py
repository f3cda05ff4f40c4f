"""`cksync demo`."""

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from cksync.cli import Settings, common

FOLDER = Path("cksync-demo")
SUBSCRIBERS, SEED = 2000, 7
# The real limit is 120 requests per 60 s; the demo allows as many per second, so that it finishes in one.
RATE_LIMIT, RATE_PERIOD_SECONDS = 120, 1.0
SECRET = "demo-secret-of-the-sandbox-0000"
V4_KEY = "kit_demo_key_of_the_sandbox_0000"

QUESTIONS = (
    (
        "Who is on the list?",
        "select state, count(*) as people from subscribers group by all order by people desc, state",
    ),
    (
        "Which tags do buyers have?",
        """
        select tags.name as tag, count(distinct subscriptions.subscriber_id) as buyers
        from subscriptions
        join tags on tags.id = subscriptions.subscribable_id and subscriptions.subscribable_type = 'tag'
        where subscriptions.subscriber_id in (select id from dim_subscriber where is_customer)
        group by all order by buyers desc, tag limit 5
        """,
    ),
    (
        "Which products sell?",
        """
        select currency, product, units, revenue
        from revenue_by_product
        order by currency <> (select currency from dim_currency where currency_rank = 1), revenue desc, product_key
        limit 5
        """,
    ),
)


@click.command()
@common
@click.pass_obj
def demo(settings: Settings) -> int:
    """Start a simulated account, pull it and run three queries. All files stay in ./cksync-demo."""
    import duckdb

    from cksync.analyze.report import write_report
    from cksync.cli.progress import shown, start_logging
    from cksync.cli.pull import print_report
    from cksync.config import load_config
    from cksync.folder import Folder
    from cksync.pipeline.events import PullReport
    from cksync.pipeline.pull import pull

    start_logging(settings.verbosity, quiet=settings.quiet)
    config_path = _fresh_folder()
    click.echo(f"A simulated account with {SUBSCRIBERS:,} subscribers, served on this machine:\n")
    with _sandbox() as url:
        environ = {"CKSYNC_BASE_URL": url, "CKSYNC_API_SECRET": SECRET}
        config = load_config(config_path, environ)
        with shown(config, quiet=settings.quiet) as show:
            for event in pull(config, environ=environ):
                show(event)
    assert isinstance(event, PullReport)
    print_report(event, str(FOLDER / "mirror.duckdb"))
    with duckdb.connect(str(FOLDER / "mirror.duckdb"), read_only=True) as db:
        for question, query in QUESTIONS:
            click.echo(f"\n{question}")
            db.sql(query).show(max_width=100)
    report = write_report(Folder(config.data_dir), FOLDER / "report.html")
    command = "cksync" if shutil.which("cksync") else sys.argv[0]
    click.echo("Next steps:")
    click.echo(f'  {command} sql --config {config_path} "from subscribers limit 5"')
    click.echo(f"  {command} status --config {config_path}")
    click.echo(f"  {command} report --config {config_path}")
    click.echo(f"  {command} init       # then, for your own account: check, pull")
    click.echo(f"\nThe account in charts, to open in a browser: {report.path}")
    return event.exit_status


def _fresh_folder() -> Path:
    """Create an empty folder for the demo, with a config file that points to it."""
    from cksync.errors import Refused
    from cksync.folder import Folder

    config = FOLDER / "config.toml"
    if FOLDER.exists() and not config.exists() and not (FOLDER / "format").exists():
        raise Refused(
            f"{FOLDER} already exists and was not created by `cksync demo`; move it, or run the demo in another folder"
        )
    shutil.rmtree(FOLDER, ignore_errors=True)
    Folder(FOLDER).prepare()  # before the config file, which a new data folder must not contain
    config.write_text(
        f'data_dir = "."\n\n[api]\napi_secret = "env:CKSYNC_API_SECRET"\n'
        f"rate_limit = {RATE_LIMIT}\nrate_period_seconds = {RATE_PERIOD_SECONDS}\n"
    )
    return config


@contextlib.contextmanager
def _sandbox() -> Iterator[str]:
    """Run a sandbox in its own process; yields its URL."""
    from cksync.errors import Failed

    command = [sys.executable, "-m", "kit_sandbox", "--subscribers", str(SUBSCRIBERS), "--seed", str(SEED)]
    command += ["--port", "0", "--rate-limit", str(RATE_LIMIT), "--rate-period", str(RATE_PERIOD_SECONDS)]
    command += ["--api-secret", SECRET]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if " on " not in line:
                raise Failed("the sandbox did not start; run `cksync sandbox` to see why")
            yield line.rsplit(" ", 1)[1].strip()
        finally:
            process.terminate()
