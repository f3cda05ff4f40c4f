"""`cksync status`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from cksync.cli import Settings, common
from cksync.cli.output import FORMAT, print_json, print_pairs, print_table
from cksync.plural import plural

if TYPE_CHECKING:
    from cksync.config import Config

NOT_PUSHED_SHOWN = 10


@click.command()
@FORMAT
@common
@click.pass_obj
def status(settings: Settings, form: str) -> None:
    """Show how current and complete the mirror is, and what failed. Makes no API requests."""
    from cksync.pipeline.status import status as verb
    from cksync.versions import SWITCH_OFF

    config = settings.load()
    found, token = verb(config.data_dir), _token(config)
    if form == "json":
        print_json({**found.plain(), "oauth": token})
        return
    age = f" ({_ago(found.published_at)} ago)" if found.published_at else ""
    print_pairs(
        {
            "data folder": found.data_dir,
            "account": found.account or "unknown; read by `cksync pull`",
            "mirror of": f"{found.published_at:%Y-%m-%d %H:%M:%S} UTC{age}" if found.published_at else "nothing yet",
        }
    )
    if token:
        click.echo(f"OAuth token: {token}")
    if config.api.decided_version == "v3":
        click.echo(f"API v3: {SWITCH_OFF}")
    if found.streams:
        click.echo()
        rows = [(s.stream, s.slices, s.complete, s.rows, s.cursor_at) for s in found.streams]
        print_table(("stream", "lists", "complete", "records read", "read at (UTC)"), rows)
    for name, doubt in found.incomplete:
        click.echo(f"incomplete: {name}: {doubt}")
    for each in found.not_pushed[:NOT_PUSHED_SHOWN]:
        click.echo(f"not pushed: {each.what} {each.target}: {each.outcome}: {each.message}")
    if len(found.not_pushed) > NOT_PUSHED_SHOWN:
        click.echo(f"not pushed: {len(found.not_pushed) - NOT_PUSHED_SHOWN:,} more, see _cksync.pushes")
    for complaint in found.complaints:
        click.echo(complaint)
    for note in found.notes:
        click.echo(note)
    if found.advice:
        click.echo(found.advice)
    if found.loads:
        click.echo()
        loads = [
            (load.started_at, load.exit_status, load.requests, load.is_published, load.message) for load in found.loads
        ]
        print_table(("last loads (UTC)", "exit", "requests", "published", "outcome"), loads)


def _token(config: "Config") -> str | None:
    """What the OAuth token may do, and until when; None without one. Imports the client only then."""
    if config.api.oauth is None:
        return None
    from cksync.pipeline.login import token_summary

    return token_summary(config)


def _ago(at: datetime) -> str:
    minutes = int((datetime.now(UTC) - at).total_seconds() // 60)
    if minutes < 120:
        return f"{plural(minutes, 'minute')}"
    return f"{minutes // 60} hours" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"
