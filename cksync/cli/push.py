"""`cksync checkout`, `diff`, `push` and `revert`."""

import signal
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cksync.cli import Settings, common
from cksync.cli.output import FORMAT, print_json, print_table
from cksync.cli.streams import hide_addresses
from cksync.plural import plural
from cksync.write import EDITABLE_TABLES, RULES

if TYPE_CHECKING:
    from cksync.config import Config
    from cksync.pipeline.push import PushReport
    from cksync.write.action import Action
    from cksync.write.plan import Conflict, Plan, Skipped

# Number of changes per line of progress.
PROGRESS_STEP = 50
WORK = click.argument("work", type=click.Path(path_type=Path))
ALLOW = click.option("--allow", multiple=True, type=click.Choice(RULES), help="Lift a safety rule (repeatable).")
LIMIT = click.option("--limit", type=click.IntRange(min=0), default=10, help="Number of changes of each kind to print.")
ONLY = click.option(
    "--only",
    multiple=True,
    type=click.Choice(EDITABLE_TABLES),
    help="Print only the edits of this table (repeatable); the checksum still covers all tables.",
)
RETRY = click.option("--retry-rejected", is_flag=True, help="Retry edits that the API rejected earlier.")
REDACT = click.option("--redact", is_flag=True, help="Print only ids: no names, addresses or values.")


@click.command()
@WORK
@click.option("--refresh", is_flag=True, help="Refresh WORK from the current mirror, keeping unpushed edits.")
@FORMAT
@common
@click.pass_obj
def checkout(settings: Settings, work: Path, refresh: bool, form: str) -> int:
    """Create WORK, a copy of the mirror to edit with any SQL tool. Makes no API requests."""
    from cksync.folder import Folder
    from cksync.write.refresh import refresh as verb_again
    from cksync.write.workspace import check
    from cksync.write.workspace import checkout as verb

    folder = Folder(settings.load().data_dir)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no partial workspace is left
    if refresh:
        check(work)
    rows = verb_again(folder, work) if refresh else verb(folder, work)
    if form == "json":
        print_json({"workspace": str(work), "rows": rows})
    elif not settings.quiet:
        print_table(["table", "rows"], list(rows.items()))
        click.echo(f"\nEdit it with any SQL tool (duckdb {work}), then run: cksync diff {work}")
    return 0


@click.command()
@WORK
@ALLOW
@RETRY
@ONLY
@LIMIT
@REDACT
@FORMAT
@common
@click.pass_obj
def diff(
    settings: Settings,
    work: Path,
    allow: tuple[str, ...],
    retry_rejected: bool,
    only: tuple[str, ...],
    limit: int,
    redact: bool,
    form: str,
) -> int:
    """Show what a push of WORK would change, based on the current mirror. Makes no API requests."""
    from cksync.pipeline.push import plan_push
    from cksync.write.plan import as_json

    hide_addresses(redact)
    config = settings.load()
    plan = plan_push(config, work, allow, retry_rejected=retry_rejected)
    if form == "json":
        print_json(as_json(plan, redact=redact, only=only))
    else:
        print_plan(plan, config, limit, redact, only)
    return 1 if plan.problems else 3 if plan.conflicts else 0


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
    from cksync.cli.progress import said_left, shown, start_logging
    from cksync.cli.signals import asking, stop_on_signals
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
            return click.confirm("Push these changes?", err=True)

    with shown(config, quiet=settings.quiet) as show:
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
                if is_said:
                    print_plan(event, config, limit, redact)
            elif isinstance(event, Pushed):
                if is_said and (event.done == event.total or event.done % PROGRESS_STEP == 0):
                    left = said_left(event.left_seconds)
                    click.echo(f"{event.done:,} of {event.total:,} pushed" + (f", {left}" if left else ""), err=True)
            else:
                show(event)
    assert report is not None
    if form == "json":
        print_json(_report(report, redact))
    elif is_said:
        _print_report(report, work, redact)
    if report.exit_status and not is_said:
        click.echo(f"cksync: {report.message}", err=True)
    return report.exit_status


@click.command(context_settings={"ignore_unknown_options": True})  # a key may be negative
@WORK
@click.argument("table", required=False)
@click.argument("key", required=False)
@click.option("--invalid", is_flag=True, help="Revert all edits that the API does not support.")
@click.option("--all", "everything", is_flag=True, help="Revert all unpushed edits.")
@common
@click.pass_obj
def revert(settings: Settings, work: Path, table: str | None, key: str | None, invalid: bool, everything: bool) -> int:
    """Undo the edits of one row of WORK, given by TABLE and KEY as shown by `diff`, or of many rows.

    Reverting a new row also removes the rows that refer to it. Makes no API requests.
    """
    from cksync.pipeline import revert as verb

    if (table is not None) + invalid + everything != 1 or (table is None) != (key is None):
        raise click.UsageError("name the TABLE and KEY of a row, or use --invalid or --all")
    config = settings.load()
    if everything:
        verb.revert_everything(config, work)
        said = "reverted all unpushed edits"
    elif invalid:
        said = f"reverted {plural(verb.revert_invalid(config, work), 'edit')}"
    else:
        assert table is not None
        assert key is not None
        verb.revert(config, work, table, key)
        said = f"reverted {table} {key}"
    if not settings.quiet:
        click.echo(said)
    return 0


def print_plan(whole: "Plan", config: "Config", limit: int, redact: bool, only: Collection[str] = ()) -> None:
    """Print a plan: the changes by kind, then what prevents others, then the number of requests."""
    from cksync.api.throttle import floor_seconds
    from cksync.write.edits import shown_key

    plan = whole.about(only)
    for what in dict.fromkeys(action.what for action in plan.actions):
        of = [action for action in plan.actions if action.what == what]
        click.echo(f"{what}: {len(of):,}")
        for action in of[:limit]:
            click.echo(f"  {_said(action, redact)}")
        if len(of) > limit:
            click.echo(f"  ... and {len(of) - limit:,} more")
    _list(
        "conflicts (not pushed)",
        (
            f"{conflict.table} {shown_key(conflict.key)}: {_said_conflict(conflict, redact)}"
            for conflict in plan.conflicts
        ),
        limit,
    )
    _list(
        "cannot be pushed",
        (f"{p.table} {shown_key(p.key)}: {'(hidden)' if redact else p.reason}" for p in plan.problems),
        limit,
    )
    _list(
        "rejected earlier (edit them, or add --retry-rejected)",
        (_said_skipped(p, redact) for p in plan.skipped if p.outcome != "unknown"),
        limit,
    )
    _list(
        "outcome unknown (--allow repeat-unknown sends them again)",
        (_said_skipped(p, redact) for p in plan.skipped if p.outcome == "unknown"),
        limit,
    )
    _list(
        "blocked by a safety rule",
        (f"{held.count:,} {held.reason} ({', '.join(held.examples)}): --allow {held.rule}" for held in plan.blocked),
        limit,
    )
    if others := len(whole.problems) - len(plan.problems):
        click.echo(f"{plural(others, 'edit')} of other tables cannot be pushed either; run without --only to see them")
    if not whole.actions:
        if not whole.problems:
            click.echo("nothing to push")
        return
    seconds = floor_seconds(whole.requests, config.api.rate_limit, config.api.rate_period_seconds)
    time = f"at least {seconds / 60:.0f} min" if seconds >= 60 else "under a minute"
    if only:
        click.echo("all tables together: ", nl=False)
    click.echo(f"{plural(whole.requests, 'request')}, {time} at the rate limit; checksum {whole.checksum}")


def _list(title: str, lines: Iterable[str], limit: int) -> None:
    found = list(lines)
    if found:
        click.echo(f"{title}: {len(found):,}")
        for line in found[:limit]:
            click.echo(f"  {line}")
        if len(found) > limit:
            click.echo(f"  ... and {len(found) - limit:,} more")


def _said_skipped(skipped: "Skipped", redact: bool) -> str:
    return f"{skipped.action.what} {skipped.action.target}: {'(hidden)' if redact else skipped.message}"


def _said(action: "Action", redact: bool) -> str:
    if redact:
        return action.target
    words = [f"{cell.column} {_short(cell.base)} -> {_short(cell.mine)}" for cell in action.cells]
    if action.kind.makes or not words:
        args = {name: value for name, value in action.args.items() if not isinstance(value, dict | list)}
        place = [f"into {args.pop('parent')} {args.pop('parent_id')}"] if "parent" in args else []
        words = [*place, *(f"{name} {_short(value)}" for name, value in args.items()), *words]
    return f"{action.target}: " + ", ".join(words)


def _said_conflict(conflict: "Conflict", redact: bool) -> str:
    from cksync.write.edits import shown_key
    from cksync.write.gone import ONE_OF

    if cell := conflict.cell:
        values = (
            f": {_short(cell.base)} at checkout, {_short(cell.mine)} in the workspace, {_short(cell.theirs)} in"
            " the account"
        )
        return cell.column + ("" if redact else values)
    cells = [cell.column + ("" if redact else f" {_short(cell.mine)}") for cell in conflict.cells]
    if (gone := conflict.gone) is None:
        return f"{conflict.reason}" + (f": {', '.join(cells)}" if cells else "")
    is_itself = (gone.table, gone.key) == (conflict.table, conflict.key)
    who = "" if is_itself else f"{ONE_OF[gone.table]} {shown_key(gone.key)} is "
    was = "" if redact or gone.was is None else f" (was {_short(gone.was)})"
    return f"{who}no longer in the account{was}" + (f": {', '.join(cells)}" if cells else "")


def _short(value: object) -> str:
    text = "nothing" if value in (None, "") else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


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
        click.echo(f"{report.message}; {plural(report.requests, 'request')}")
    if any(not text.startswith("conflict") for _, text in bad):
        click.echo(f"rejected edits stay in {work}; correct them and push again")
