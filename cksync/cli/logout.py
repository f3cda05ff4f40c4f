"""`cksync logout`."""

import click

from cksync.cli import Settings, common


@click.command()
@common
@click.pass_obj
def logout(settings: Settings) -> None:
    """Revoke the OAuth tokens at Kit, and delete their file. If they cannot be revoked, the file is kept."""
    from cksync.cli.progress import start_logging
    from cksync.cli.signals import stop_on_signals
    from cksync.pipeline.login import logout as verb

    config, stop = settings.load(), stop_on_signals()
    start_logging(settings.verbosity, quiet=settings.quiet)
    path = verb(config, stop)
    click.echo(f"revoked the token, and deleted {path}")
