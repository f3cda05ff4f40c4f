"""`cksync verify`."""

from typing import TYPE_CHECKING

import click

from cksync.cli import Settings, common
from cksync.cli.output import FORMAT, print_json, print_table, say
from cksync.cli.pull import ALLOW, took
from cksync.cli.signals import stop_on_signals
from cksync.plural import plural

if TYPE_CHECKING:
    from cksync.pipeline.verify import VerifyReport


@click.command()
@click.option("--repair", is_flag=True, help="Fix differences.")
@click.option("--full", is_flag=True, help="Read every row, not only totals and samples.")
@ALLOW
@FORMAT
@common
@click.pass_obj
def verify(settings: Settings, repair: bool, full: bool, allow: tuple[str, ...], form: str) -> int:
    """Compare the mirror with the account, stream by stream.

    `counts proved` means that totals match and sampled pages contain the expected rows; `content proved` means that
    every row was read. Exit status 0: everything that has a list is proved; 3: something differs or could not be read.
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
        click.echo(
            f"{plural(findings.unlisted, 'person', 'people')} in no subscriber list (bounced, inactive ...), last"
            f" seen {days}"
        )
    spent = f"{plural(findings.requests, 'request')} in {took(findings.seconds)}"
    differs = [finding.stream for finding in findings.findings if finding.verdict == "differs"]
    if differs and not is_repaired:
        say(
            f"The mirror differs in {', '.join(differs)}: {spent}; run `cksync verify --repair` to fix the differences."
        )
    elif findings.exit_status:
        say(f"Not everything could be proved: {spent}; the table says what.")
    else:
        say(f"{'The mirror is repaired' if is_repaired else 'The mirror is in sync with the account'}: {spent}.")
