"""`cksync diff`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cksync.cli import Settings, common
from cksync.cli.output import FORMAT, print_json
from cksync.cli.plans import ALLOW, LIMIT, ONLY, REDACT, RETRY, WORK, print_plan
from cksync.cli.streams import hide_addresses

if TYPE_CHECKING:
    pass


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
