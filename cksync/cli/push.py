"""`cksync push`."""

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cksync.cli import Settings, common
from cksync.cli.output import FORMAT, print_json
from cksync.cli.plans import ALLOW, LIMIT, REDACT, RETRY, WORK, print_plan
from cksync.cli.streams import hide_addresses
from cksync.plural import plural

if TYPE_CHECKING:
    from cksync.domain import OnStep
    from cksync.pipeline.events import Event
    from cksync.pipeline.push import PushReport
    from cksync.write.action import Action
    from cksync.write.apply import Pushed

# Number of changes per line of progress.
PROGRESS_STEP = 50


@click.command()
@WORK
@click.option("--yes", is_flag=True, help="Push without asking for confirmation.")
@click.option("--checksum", help="Push only if the plan has this checksum.")
@click.option("--skip-invalid", is_flag=True, help="Skip edits that the API does not support; exit status 3.")
@ALLOW
@RETRY
@LIMIT
@REDACT
@FORMAT
@common
@click.pass_obj
def push(
    settings: Settings,
    work: Path,
    yes: bool,
    checksum: str | None,
    skip_invalid: bool,
    allow: tuple[str, ...],
    retry_rejected: bool,
    limit: int,
    redact: bool,
    form: str,
) -> int:
    """Apply the edits of WORK to the account, each only once. Run it again to continue after an interruption."""
    from cksync.cli.progress import shown, start_logging
    from cksync.cli.signals import asking, discard_typed, stop_on_signals
    from cksync.cli.steps import stepping
    from cksync.domain import Step
    from cksync.errors import Rejected
    from cksync.pipeline.push import PushReport
    from cksync.pipeline.push import push as verb
    from cksync.write.apply import Pushed
    from cksync.write.plan import Plan

    hide_addresses(redact)
    config = settings.load()
    start_logging(settings.verbosity, quiet=settings.quiet)
    stop = stop_on_signals()
    report: PushReport | None = None
    is_said = form == "table" and not settings.quiet

    def confirm(plan: Plan) -> bool:
        if yes:
            return True
        if not sys.stdin.isatty():
            raise Rejected("cannot ask for confirmation without a terminal; add --yes to push without it")
        with asking():
            discard_typed()
            return click.confirm("Push these changes?", default=False, err=True)

    show: Callable[[Event], None] | None = None
    step: OnStep | None = None
    with ExitStack() as progress:
        for event in verb(
            config,
            work,
            allow=allow,
            checksum=checksum,
            retry_rejected=retry_rejected,
            confirm=confirm,
            redact=redact,
            skip_invalid=skip_invalid,
            stop=stop,
        ):
            if isinstance(event, PushReport):
                report = event
            elif isinstance(event, Plan):
                progress.close()  # whatever was read: the plan is not printed into a bar
                show = None
                if is_said:
                    print_plan(event, config, limit, redact)
            elif isinstance(event, Pushed):
                if is_said and sys.stderr.isatty():
                    step = step or progress.enter_context(stepping(quiet=False, unit="changes", time=settings.time))
                    step(Step(f"pushing{_left(event)}", event.done, event.total))
                elif is_said and (event.done == event.total or event.done % PROGRESS_STEP == 0):
                    click.echo(f"{event.done:,} of {event.total:,} pushed{_left(event)}", err=True)
            else:
                show = show or progress.enter_context(shown(config, quiet=settings.quiet))
                show(event)
    assert report is not None
    if form == "json":
        print_json(_report(report, redact))
    elif is_said:
        _print_report(report, work, redact)
    if report.exit_status and not is_said:
        click.echo(f"cksync: {report.message}", err=True)
    return report.exit_status


def _left(event: "Pushed") -> str:
    """How much time the rate limit leaves for the rest; empty if it causes no delay."""
    from cksync.cli.frame import rounded

    return f", about {rounded(event.left_seconds)} left" if event.left_seconds >= 1 else ""


def _reason(message: str, redact: bool) -> str:
    """The message of the API, which may contain personal data."""
    return "(hidden)" if redact and message else message


def _report(report: "PushReport", redact: bool) -> dict[str, object]:
    return {
        "exit_status": report.exit_status,
        "message": report.message,
        "requests": report.requests,
        "results": [
            {
                "action": a.id,
                "what": a.what,
                "target": a.target,
                "outcome": r.outcome,
                "message": _reason(r.message, redact),
            }
            for a, r in report.results
        ],
    }


def _print_report(report: "PushReport", work: Path, redact: bool) -> None:
    bad: Sequence[tuple[Action, str]] = [
        (action, f"{result.outcome}: {_reason(result.message, redact)}")
        for action, result in report.results
        if result.outcome != "done"
    ]
    for action, text in bad[:20]:
        click.echo(f"{action.what} {action.target} {text}", err=True)
    if report.results or report.exit_status:
        click.echo(f"{report.message}; {plural(report.requests, 'request')}.")
    if any(not text.startswith("conflict") for _, text in bad):
        click.echo(f"rejected edits stay in {work}; correct them and push again")
