"""`cksync pull`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from cksync.cli import Settings, common
from cksync.cli.output import FORMAT, print_json, print_table, say
from cksync.cli.signals import stop_on_signals
from cksync.plural import plural

if TYPE_CHECKING:
    from cksync.load.publish import Published
    from cksync.pipeline.events import PullReport


ALLOW = click.option(
    "--allow",
    multiple=True,
    type=click.Choice(["vanish"]),
    help="Lift a safety rule: accept lists that lost more than 30 % of their rows.",
)


@click.command()
@click.argument("streams", nargs=-1)
@click.option("--full", is_flag=True, help="Read every row, not only changes.")
@click.option("--max-minutes", type=click.FloatRange(min=0), help="Stop after this time; the next pull continues.")
@click.option(
    "--accept-account", is_flag=True, help="Accept a new account address, after checking that it is the same account."
)
@ALLOW
@FORMAT
@common
@click.pass_obj
def pull(
    settings: Settings,
    streams: tuple[str, ...],
    full: bool,
    max_minutes: float | None,
    accept_account: bool,
    allow: tuple[str, ...],
    form: str,
) -> int:
    """Bring the mirror up to date, or only the given STREAMS.

    Ctrl-C stops it cleanly; the next pull continues.
    """
    from cksync.cli.progress import shown, start_logging
    from cksync.clock import REAL_TIME
    from cksync.pipeline.events import PullReport
    from cksync.pipeline.pull import pull as verb

    config = settings.load()
    start_logging(settings.verbosity, quiet=settings.quiet)
    stop, time = stop_on_signals(), settings.time or REAL_TIME
    report: PullReport | None = None
    events = verb(
        config,
        streams=streams,
        depth="full" if full else "nightly",
        max_minutes=max_minutes,
        accept_account=accept_account,
        allow=allow,
        stop=stop,
        time=time,
    )
    with shown(config, quiet=settings.quiet, time=time) as show:
        for event in events:
            show(event)
            if isinstance(event, PullReport):
                report = event
    assert report is not None
    if form == "json":
        print_json(_report(report))
    elif not settings.quiet:
        print_report(report, str(config.data_dir / "mirror.duckdb"))
    if report.exit_status and (settings.quiet or form == "json"):
        click.echo(f"cksync: {report.message}", err=True)
    return report.exit_status


def print_report(report: "PullReport", mirror: str) -> None:
    """Print the tables with their changes, what to know about them, and the outcome."""
    print_changes(report.published, report.requests)
    if report.published.advice:
        click.echo(report.published.advice, err=True)
    print_complaints(report.published)
    odd = {change.table: change.unread for change in report.published.changes if change.unread}
    if odd:
        named = ", ".join(f"{name} {count:,}" for name, count in odd.items())
        click.echo(f"values that are not valid dates, numbers or flags, kept as text in _extra: {named}", err=True)
    if count := report.published.merged.repeated:
        click.echo(f"{plural(count, 'record')} with a repeated key; the last value is used", err=True)
    for verdict in report.verdicts:
        if not verdict.is_complete:
            click.echo(f"incomplete: {verdict.slice}: {verdict.doubt}", err=True)
    click.echo()
    say(_outcome(report, mirror))


def _outcome(report: "PullReport", mirror: str) -> str:
    """The outcome in a sentence."""
    spent = f"{_spent(report)} in {took(report.seconds)}"
    if report.message == "complete":
        return f"{mirror} is complete: {spent}."
    if not report.message.startswith("incomplete"):
        return f"{mirror} is published: {spent}; {report.message}."
    return (
        f"{mirror} is incomplete: {spent}; the lists named above could not be read in full, the next pull tries again."
    )


def took(seconds: float) -> str:
    """A measured time, such as `1.5 s` or `36 min 3 s`."""
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def _spent(report: "PullReport") -> str:
    spent = f"{plural(sum(report.requests.values()), 'request')}"
    return spent if report.planned is None else f"{spent} ({report.planned:,} planned)"


def print_complaints(published: "Published") -> None:
    """Print the models that could not be built, and the failed data checks."""
    for complaint in published.analysis.complaints:
        click.echo(complaint, err=True)


def print_changes(published: "Published", requests: Mapping[str, int]) -> None:
    """Print the tables with their row counts, changes and requests."""
    changes = {change.table: change for change in published.changes}
    rows = [
        (name, count, changes[name].inserted, changes[name].updated, changes[name].deleted, requests.get(name))
        for name, count in published.rows.items()
    ]
    print_table(("table", "rows", "new", "changed", "gone", "requests"), rows)


def changes_as_json(published: "Published", requests: Mapping[str, int]) -> list[dict[str, object]]:
    from dataclasses import asdict

    return [
        {**asdict(change), "rows": published.rows[change.table], "requests": requests.get(change.table, 0)}
        for change in published.changes
    ]


def _report(report: "PullReport") -> dict[str, object]:
    from dataclasses import asdict

    return {
        "load_id": report.load_id,
        "account": report.account,
        "exit_status": report.exit_status,
        "message": report.message,
        "requests": sum(report.requests.values()),
        "planned": report.planned,
        "seconds": round(report.seconds, 3),
        "since": report.since,
        "advice": report.published.advice,
        "tables": changes_as_json(report.published, report.requests),
        "complaints": list(report.published.analysis.complaints),
        "repeated": report.published.merged.repeated,
        "incomplete": [asdict(verdict) for verdict in report.verdicts if not verdict.is_complete],
    }
