"""`cksync demo` and `cksync sandbox`."""

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
# The real limit is 120 in 60 s; the demo's account takes as many in a second, so that it ends in one.
RATE_LIMIT, RATE_PERIOD_SECONDS = 120, 1.0
SECRET = "demo-secret-of-the-sandbox-0000"
V4_KEY = "kit_demo_key_of_the_sandbox_0000"

QUESTIONS = (
    (
        "How is the list made up?",
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
        "What do they buy?",
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
    """Start a simulated account, pull it, and ask it three questions. Everything stays in ./cksync-demo."""
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
    click.echo("What next:")
    click.echo(f'  {command} sql --config {config_path} "from subscribers limit 5"')
    click.echo(f"  {command} status --config {config_path}")
    click.echo(f"  {command} report --config {config_path}")
    click.echo(f"  {command} init       # then your own account: check, pull")
    click.echo(f"\nAll of it in pictures, to open in a browser: {report.path}")
    return event.exit_status


def _fresh_folder() -> Path:
    """An empty folder of the demo's own, with a config file that finds it again."""
    from cksync.errors import Refused
    from cksync.folder import Folder

    config = FOLDER / "config.toml"
    if FOLDER.exists() and not config.exists() and not (FOLDER / "format").exists():
        raise Refused(f"{FOLDER} exists and is not a demo's; move it away, or run the demo in another folder")
    shutil.rmtree(FOLDER, ignore_errors=True)
    Folder(FOLDER).prepare()  # before the config file, which would be content of a folder that is none yet
    config.write_text(
        f'data_dir = "."\n\n[api]\napi_secret = "env:CKSYNC_API_SECRET"\n'
        f"rate_limit = {RATE_LIMIT}\nrate_period_seconds = {RATE_PERIOD_SECONDS}\n"
    )
    return config


@contextlib.contextmanager
def _sandbox() -> Iterator[str]:
    """A sandbox in a process of its own; its address."""
    from cksync.errors import Failed

    command = [sys.executable, "-m", "kit_sandbox", "--subscribers", str(SUBSCRIBERS), "--seed", str(SEED)]
    command += ["--port", "0", "--rate-limit", str(RATE_LIMIT), "--rate-period", str(RATE_PERIOD_SECONDS)]
    command += ["--api-secret", SECRET]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if " on " not in line:
                raise Failed("the sandbox did not start; `cksync sandbox` shows why")
            yield line.rsplit(" ", 1)[1].strip()
        finally:
            process.terminate()


@click.command()
@click.option("--subscribers", type=click.IntRange(min=1), default=5000, show_default=True)
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed gives the same account.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8333, show_default=True, help="0: any free one.")
@click.option("--rate-limit", type=click.IntRange(min=0), default=120, show_default=True, help="0: no limit.")
@click.option("--rate-period", type=click.FloatRange(min=0.001), default=60.0, show_default=True, help="Seconds.")
@click.option("--latency-ms", type=click.FloatRange(min=0), default=0.0, show_default=True)
@click.option("--api-secret", default=None, help="The secret it accepts; it shows one, where none is given.")
@click.option("--v4-key", default=None, help="The key it accepts under /v4; it shows one, where none is given.")
@click.option("--lag", type=click.FloatRange(min=0), default=0.0, show_default=True, help="Seconds v4's lists lag.")
@click.option("--control-token", default=None, help="Opens /_sandbox/; it shows one, where none is given.")
@click.option(
    "--drafts", type=click.IntRange(min=0), default=None, help="Old broadcasts never sent; the default is 5 %."
)
@click.option(
    "--behaviour",
    "switches",
    multiple=True,
    metavar="NAME=VALUE",
    help="What nobody knows about the API, such as cancelled_leave=sequence,form:0.9 (repeatable).",
)
@common
def sandbox(
    subscribers: int,
    seed: int,
    host: str,
    port: int,
    rate_limit: int,
    rate_period: float,
    latency_ms: float,
    api_secret: str | None,
    v4_key: str | None,
    lag: float,
    control_token: str | None,
    drafts: int | None,
    switches: tuple[str, ...],
) -> None:
    """Serve a simulated account with the API's real behaviour, until Ctrl-C."""
    from cksync.errors import Failed, Rejected
    from kit_sandbox import Behaviour, run, switched

    try:
        behaviour = switched(Behaviour(v4_lag_seconds=lag), switches)
    except ValueError as error:
        raise Rejected(f"--behaviour {error}") from None
    if api_secret is None:
        api_secret = SECRET
        click.echo(f"it accepts the secret: export CKSYNC_API_SECRET={SECRET}", err=True)
        click.echo("and is reached by:     export CKSYNC_BASE_URL=http://...  (the address below)", err=True)
    try:
        run(
            subscribers,
            seed,
            host,
            port,
            rate_limit or None,
            rate_period,
            latency_ms / 1000,
            api_secret,
            sizes={} if drafts is None else {"drafts": drafts},
            behaviour=behaviour,
            control_token=control_token,
            v4_key=v4_key or V4_KEY,
        )
    except OSError as error:
        raise Failed(f"{host}:{port} cannot be served: {error.strerror}; choose another --port") from None
