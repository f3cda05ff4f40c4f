"""Plans of a push: the options that shape one, and how it is printed."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cksync.plural import plural
from cksync.write import EDITABLE_TABLES, RULES

if TYPE_CHECKING:
    from cksync.config import Config
    from cksync.write.action import Action
    from cksync.write.plan import Conflict, Plan, Skipped


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
