"""`cksync verify` and `cksync plan`."""

from typing import TYPE_CHECKING

import click

from cksync.cli import Settings, common
from cksync.cli.output import FORMAT, print_json, print_table
from cksync.cli.pull import ALLOW
from cksync.cli.signals import stop_on_signals

if TYPE_CHECKING:
    from cksync.pipeline.verify import VerifyReport


@click.command()
@click.option("--repair", is_flag=True, help="Mend what differs.")
@click.option("--full", is_flag=True, help="Read every row, not only totals and samples.")
@ALLOW
@FORMAT
@common
@click.pass_obj
def verify(settings: Settings, repair: bool, full: bool, allow: tuple[str, ...], form: str) -> int:
    """Compare the mirror with the account, stream by stream.

    `counts proved`: totals fit, and sampled pages hold the rows they should. `content proved`: every row was
    read. Exit status 0: all that has a list is proved; 3: something differs or could not be read.
    """
    from cksync.cli.progress import shown, start_logging
    from cksync.pipeline.verify import VerifyReport
    from cksync.pipeline.verify import verify as verb

    config = settings.load()
    start_logging(settings.verbosity, quiet=settings.quiet)
    findings: VerifyReport | None = None
    with shown(config, quiet=settings.quiet) as show:
        for event in verb(config, repair=repair, full=full, allow=allow, stop=stop_on_signals()):
            if isinstance(event, VerifyReport):
                findings = event
            else:
                show(event)
    assert findings is not None
    if form == "json":
        print_json(findings.plain())
    elif not settings.quiet:
        _print(findings, is_repaired=repair)
    return findings.exit_status


def _print(findings: "VerifyReport", *, is_repaired: bool) -> None:
    rows = [(each.stream, each.verdict, each.lists, each.requests, each.reason) for each in findings.findings]
    print_table(("stream", "verdict", "lists", "requests", "what"), rows)
    click.echo()
    if findings.unlisted:
        days = f"{findings.seen_from:%Y-%m-%d} to {findings.seen_to:%Y-%m-%d}"
        click.echo(f"{findings.unlisted:,} people are in no list of people (bounced, inactive ...): last seen {days}")
    click.echo(f"{findings.requests:,} requests · {findings.seconds:.1f} s")
    if any(finding.verdict == "differs" for finding in findings.findings) and not is_repaired:
        click.echo("`cksync verify --repair` mends what differs")


@click.command()
@click.argument("streams", nargs=-1)
@click.option("--full", is_flag=True, help="Price a pull that reads every row.")
@FORMAT
@common
@click.pass_obj
def plan(settings: Settings, streams: tuple[str, ...], full: bool, form: str) -> None:
    """What the next pull will ask for: requests and minutes. Makes no request."""
    from cksync.pipeline.plan import plan as verb

    found = verb(settings.load(), streams, "full" if full else "nightly")
    if form == "json":
        print_json(found.plain())
        return
    rows = [
        (line.group, line.lists, "unknown" if line.requests is None else line.requests, line.reason)
        for line in found.lines
    ]
    print_table(("what", "lists", "requests", "how it is known"), rows)
    click.echo()
    if found.requests is None or found.seconds is None:
        click.echo("in all: unknown")
    else:
        minutes = f"at least {found.seconds / 60:.0f} min" if found.seconds >= 60 else "less than a minute"
        click.echo(f"in all: {found.requests:,} requests, {minutes} under the limit")
    if found.note:
        click.echo(found.note)
