"""`cksync completion`."""

import click

from cksync.cli import cli, common

SHELLS = ("bash", "zsh", "fish")
# Where click finds out that it is asked for completions.
VARIABLE = "_CKSYNC_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@common
def completion(shell: str) -> None:
    """Print the script that completes commands, options, tables and saved queries in a shell.

    \b
    bash  echo 'eval "$(cksync completion bash)"' >> ~/.bashrc
    zsh   echo 'eval "$(cksync completion zsh)"' >> ~/.zshrc
    fish  cksync completion fish > ~/.config/fish/completions/cksync.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(cli, {}, "cksync", VARIABLE).source(), nl=False)
