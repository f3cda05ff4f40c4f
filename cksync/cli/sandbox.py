"""`cksync sandbox`."""

import click

from cksync.cli import common
from cksync.cli.demo import SECRET, V4_KEY


@click.command()
@click.option(
    "--seed",
    "name",
    default="creator",
    show_default=True,
    metavar="NAME",
    help="Account to serve: `creator` is a believable newsletter, `oddities` has every oddity of the API. Add a number"
    " for another account of the kind, such as creator:3.",
)
@click.option(
    "--subscribers",
    type=click.IntRange(min=1),
    default=None,
    help="Number of people; 2,400 for creator and 5,000 for oddities by default.",
)
@click.option(
    "--days",
    type=click.IntRange(0, 1_000),
    default=0,
    show_default=True,
    help="Make the account as of this many days ago, and live these days before serving it.",
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8333, show_default=True, help="Port; 0 picks a free one."
)
@click.option(
    "--rate-limit",
    type=click.IntRange(min=0),
    default=120,
    show_default=True,
    help="Requests per period; 0 means no limit.",
)
@click.option("--rate-period", type=click.FloatRange(min=0.001), default=60.0, show_default=True, help="Seconds.")
@click.option("--latency-ms", type=click.FloatRange(min=0), default=0.0, show_default=True)
@click.option("--api-secret", default=None, help="API secret to accept; prints the default if omitted.")
@click.option("--v4-key", default=None, help="API key to accept under /v4; prints the default if omitted.")
@click.option(
    "--lag",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Seconds by which the lists of v4 lag.",
)
@click.option(
    "--control-token",
    default=None,
    help="Token for the control routes under /_sandbox/; generated and printed if omitted.",
)
@click.option(
    "--drafts",
    type=click.IntRange(min=0),
    default=None,
    help="Number of old, unsent broadcasts of the seed oddities; 5 % by default.",
)
@click.option(
    "--behaviour",
    "switches",
    multiple=True,
    metavar="NAME=VALUE",
    help="API behaviour to simulate, such as cancelled_leave=sequence,form:0.9 (repeatable).",
)
@common
def sandbox(
    name: str,
    subscribers: int | None,
    days: int,
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
    """Serve a simulated account that behaves like the API, until Ctrl-C."""
    from cksync.errors import Failed, Rejected
    from kit_sandbox import Behaviour, run, seeded, switched

    try:
        behaviour = switched(Behaviour(v4_lag_seconds=lag), switches)
    except ValueError as error:
        raise Rejected(f"--behaviour {error}") from None
    try:
        sizes = {} if drafts is None else {"drafts": drafts}
        world = seeded(name, subscribers, days=days, behaviour=behaviour, sizes=sizes)
    except ValueError as error:
        raise Rejected(str(error)) from None
    if api_secret is None:
        api_secret = SECRET
        click.echo(f"accepts the secret:  export CKSYNC_API_SECRET={SECRET}", err=True)
        click.echo("reach it with:       export CKSYNC_BASE_URL=http://...  (the address below)", err=True)
    limit = rate_limit or None
    try:
        run(
            world,
            host,
            port,
            limit,
            rate_period,
            latency_ms / 1000,
            api_secret,
            control_token=control_token,
            v4_key=v4_key or V4_KEY,
        )
    except OSError as error:
        raise Failed(f"cannot serve on {host}:{port}: {error.strerror}; choose another port with --port") from None
