"""`cksync plan`."""

from typing import TYPE_CHECKING

import click

from cksync.cli import Settings, common
from cksync.cli.output import FORMAT, print_json, print_table, say
from cksync.plural import plural

if TYPE_CHECKING:
    from cksync.pipeline.plan import PullPlan


@click.command()
@click.argument("streams", nargs=-1)
@click.option("--full", is_flag=True, help="Estimate a pull that reads every row.")
@click.option("--people", type=click.IntRange(min=0), help="How many people an account has that was never read.")
@FORMAT
@common
@click.pass_obj
def plan(settings: Settings, streams: tuple[str, ...], full: bool, people: int | None, form: str) -> None:
    """Estimate the requests and minutes of the next pull. Makes no API requests.

    Before the first pull, this is a range that depends on the size of the account.
    """
    from cksync.pipeline.plan import plan as verb

    found = verb(settings.load(), streams, "full" if full else "nightly", people=people)
    if form == "json":
        print_json(found.plain())
        return
    rows = [
        (line.group, line.lists, "depends" if line.requests is None else line.requests, line.reason)
        for line in found.lines
    ]
    print_table(("what", "lists", "requests", "based on"), rows)
    click.echo()
    if found.requests is not None:
        say(f"total: {total(found)}")
    if found.note:
        say(f"{found.note[0].upper()}{found.note[1:]}." if found.requests is None else found.note)


def total(found: "PullPlan") -> str:
    """The requests and the time of a plan."""
    if found.requests is None or found.seconds is None:
        return "unknown"
    minutes = f"at least {found.seconds / 60:.0f} min" if found.seconds >= 60 else "under a minute"
    return f"{plural(found.requests, 'request')}, {minutes} at the rate limit"


def price(found: "PullPlan") -> str:
    """What a pull costs, in a sentence."""
    if found.requests is None and found.note:
        return f"Its price depends on the account: {found.note}."
    return f"Its price: {total(found)}."
