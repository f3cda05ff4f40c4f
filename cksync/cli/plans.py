"""Plans of a push: the options that shape one, and how it is printed."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cksync.cli.output import say
from cksync.cli.plan_lines import colored, lines_of, named, short, summary
from cksync.plural import plural
from cksync.write import EDITABLE_TABLES, RULES

if TYPE_CHECKING:
    from cksync.config import Config
    from cksync.write.labels import Labels
    from cksync.write.plan import Conflict, Plan, Skipped


WORK = click.argument("work", type=click.Path(path_type=Path))
ALLOW = click.option(
    "--allow",
    metavar="RULE",
    multiple=True,
    type=click.Choice(RULES),
    help=f"Lift a safety rule (repeatable): {', '.join(RULES)}.",
)
LIMIT = click.option("--limit", type=click.IntRange(min=0), default=10, help="Number of changes of each kind to print.")
ONLY = click.option(
    "--only",
    metavar="TABLE",
    multiple=True,
    type=click.Choice(EDITABLE_TABLES),
    help="Print only the edits of this table (repeatable); the checksum still covers all tables."
    f" One of {', '.join(EDITABLE_TABLES)}.",
)
RETRY = click.option("--retry-rejected", is_flag=True, help="Retry edits that the API rejected earlier.")
REDACT = click.option("--redact", is_flag=True, help="Print only ids: no names, addresses or values.")


def print_plan(whole: "Plan", config: "Config", limit: int, redact: bool, only: Collection[str] = ()) -> None:
    """Print a plan: what a safety rule blocks, the changes by kind, what prevents others, and the number of
    requests."""
    from cksync.api.throttle import floor_seconds

    plan = whole.about(only)
    _print_blocked(plan)
    for what in dict.fromkeys(action.what for action in plan.actions):
        of = [action for action in plan.actions if action.what == what]
        for line in lines_of(of, plan.names, limit, redact=redact):
            click.echo(line)
    _print_obstacles(plan, limit, redact)
    if others := len(whole.problems) - len(plan.problems):
        click.echo(f"{plural(others, 'edit')} of other tables cannot be pushed either; run without --only to see them")
    if not whole.actions:
        if not whole.problems:
            click.echo("nothing to push")
        return
    seconds = floor_seconds(whole.requests, config.api.rate_limit, config.api.rate_period_seconds)
    time = f"at least {seconds / 60:.0f} min" if seconds >= 60 else "under a minute"
    which = "all tables together: " if only else ""
    cost = f"{plural(whole.requests, 'request')}, {time} at the rate limit"
    say(f"{which}{summary(list(whole.actions))}: {cost}; checksum {whole.checksum}")


def _print_blocked(plan: "Plan") -> None:
    """Print the safety rules that block the push."""
    if plan.blocked:
        click.echo(colored("!", "blocked by a safety rule: nothing is pushed before you allow it"))
    for held in plan.blocked:
        click.echo(f"  {held.count:,} {held.reason} ({', '.join(held.examples)}): --allow {held.rule}")


def _print_obstacles(plan: "Plan", limit: int, redact: bool) -> None:
    """Print the edits that are not pushed, and why."""
    from cksync.write.edits import shown_key

    def row(table: str, key: tuple[object, ...]) -> str:
        label = plan.names.get((table, key[0])) if len(key) == 1 and isinstance(key[0], int) else None
        return f"{table} {shown_key(key)}" + (f" {short(label)}" if label and not redact else "")

    conflicts = (f"{row(each.table, each.key)}: {_said_conflict(each, redact)}" for each in plan.conflicts)
    _list("conflicts (not pushed)", conflicts, limit)
    problems = (f"{row(p.table, p.key)}: {'(hidden)' if redact else p.reason}" for p in plan.problems)
    _list("cannot be pushed", problems, limit)
    rejected = [each for each in plan.skipped if each.outcome != "unknown"]
    _list(
        "rejected earlier (edit them, or add --retry-rejected)",
        (_said_skipped(each, plan.names, redact) for each in rejected),
        limit,
    )
    unknown = [each for each in plan.skipped if each.outcome == "unknown"]
    _list(
        "outcome unknown (--allow repeat-unknown sends them again)",
        (_said_skipped(each, plan.names, redact) for each in unknown),
        limit,
    )


def _list(title: str, lines: Iterable[str], limit: int) -> None:
    found = list(lines)
    if found:
        click.echo(colored("!", f"{title}: {len(found):,}"))
        for line in found[:limit]:
            click.echo(f"  {line}")
        if len(found) > limit:
            click.echo(f"  ... and {len(found) - limit:,} more")


def _said_skipped(skipped: "Skipped", names: "Labels", redact: bool) -> str:
    action = skipped.action
    row = action.target if redact else named(action.kind.about, int(action.target), names)
    return f"{action.what} {row}: {'(hidden)' if redact else skipped.message}"


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
