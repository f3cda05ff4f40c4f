"""`cksync status`."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from cksync.cli import Settings, common
from cksync.cli.output import FORMAT, print_json, print_pairs, print_table, say
from cksync.durations import EXAMPLE, ago, duration

if TYPE_CHECKING:
    from cksync.config import Config
    from cksync.pipeline.status import Status

NOT_PUSHED_SHOWN = 10
# Where long lines break in a file or a pipe.
PIPED_WIDTH = 100


def _duration(context: click.Context, parameter: click.Parameter, value: str | None) -> timedelta | None:
    try:
        return duration(value) if value is not None else None
    except ValueError as error:
        raise click.UsageError(f"--max-age: {error}, not {value!r}", context) from None


@click.command()
@click.option(
    "--max-age",
    metavar="TIME",
    callback=_duration,
    help=f"Exit with the verdict, for monitors: 0 if fine, 3 if incomplete or older than TIME (such as {EXAMPLE}), 1 if"
    " the last pull failed or there is no mirror. [status] max_age sets a default.",
)
@FORMAT
@common
@click.pass_obj
def status(settings: Settings, max_age: timedelta | None, form: str) -> int:
    """Show how current and complete the mirror is, and what failed. Makes no API requests."""
    from cksync.pipeline.status import status as verb
    from cksync.pipeline.verdict import verdict
    from cksync.versions import SWITCH_OFF

    config = settings.load()
    found = verb(config.data_dir)
    limit = max_age or config.status.max_age
    judged = verdict(found, datetime.now(UTC), limit)
    if form == "json":
        print_json({"verdict": judged.plain(), **found.plain(), "oauth": _token(config)})
    else:
        say(judged.sentence)
        if not settings.quiet:
            _print(found, SWITCH_OFF if config.api.decided_version == "v3" else None, _token(config))
    return judged.exit_status if limit else 0


def _token(config: "Config") -> str | None:
    """What the OAuth token may do, and until when; None without one. Imports the client only then."""
    if config.api.oauth is None:
        return None
    from cksync.pipeline.login import token_summary

    return token_summary(config)


def _print(found: "Status", switch_off: str | None, token: str | None) -> None:
    click.echo()
    at = found.published_at
    print_pairs(
        {
            "data folder": found.data_dir,
            "account": found.account or "unknown; read by `cksync pull`",
            "mirror of": f"{at:%Y-%m-%d %H:%M:%S} UTC ({ago(datetime.now(UTC) - at)})" if at else "nothing yet",
        }
    )
    if found.streams:
        click.echo()
        rows = [(s.stream, s.rows, s.records, s.slices, s.complete, s.cursor_at) for s in found.streams]
        heads = ("stream", "rows", "records read", "lists", "complete", "read at (UTC)")
        print_table(heads, rows, least=("records read", "lists"))
    _print_notes(found)
    if found.loads:
        click.echo()
        loads = [
            (load.started_at, load.exit_status, load.requests, load.is_published, load.message) for load in found.loads
        ]
        print_table(("last loads (UTC)", "exit", "requests", "published", "outcome"), loads, least=("requests",))
    if token:
        say(f"OAuth token: {token}")
    if switch_off:
        click.echo()
        say(f"API v3: {switch_off}", PIPED_WIDTH)
    click.echo()
    say("`cksync pull` brings it up to date; `cksync plan` shows in advance what that costs.")


def _print_notes(found: "Status") -> None:
    lines = [f"incomplete: {name}: {doubt}" for name, doubt in found.incomplete]
    lines += [
        f"not pushed: {each.what} {each.target}: {each.outcome}: {each.message}"
        for each in found.not_pushed[:NOT_PUSHED_SHOWN]
    ]
    if (more := len(found.not_pushed) - NOT_PUSHED_SHOWN) > 0:
        lines.append(f"not pushed: {more:,} more, see _cksync.pushes")
    lines += [*found.complaints, *found.notes, *([found.advice] if found.advice else [])]
    if lines:
        click.echo()
    for line in lines:
        say(line, PIPED_WIDTH)
