"""`cksync init`."""

import sys
from pathlib import Path

import click

from cksync.cli import Settings, common


@click.command()
@click.option("--data-dir", default="data", show_default=True, help="Folder for the mirror.")
@click.option(
    "--api-key",
    "key",
    help="Where to find the key of API v4: env:NAME, file:PATH, keyring:SERVICE/USER or cmd:COMMAND.",
)
@click.option(
    "--api-secret",
    "secret",
    help="The same for the secret of API v3.  [default without a terminal: env:CKSYNC_API_SECRET]",
)
@common
@click.pass_obj
def init(settings: Settings, data_dir: str, key: str | None, secret: str | None) -> int | None:
    """Write a config file, to the path given by --config or to ./config.toml. It never contains the secret itself.

    On a terminal, and without --api-key and --api-secret, it requests the key or secret and tests it, asks where to
    keep it, and offers the first pull.
    """
    from cksync.config import no_folder
    from cksync.errors import Rejected

    path = settings.config or Path("config.toml")
    if path.exists():
        raise Rejected(f"{path} already exists; edit it, or choose another file with --config")
    if reason := no_folder(data_dir, (path.absolute().parent / data_dir)):
        raise Rejected(f"--data-dir: {data_dir} {reason}")
    if key is None and secret is None and sys.stdin.isatty() and sys.stdout.isatty():
        from cksync.cli.dialog import lead

        return lead(settings, path, data_dir)
    references = {"api_key": key, "api_secret": secret}
    if key is None:
        references["api_secret"] = secret or "env:CKSYNC_API_SECRET"
    given = {name: reference.strip() for name, reference in references.items() if reference is not None}
    for name, reference in given.items():
        _check(name, reference, path)
    write(path, config_text(data_dir, given))
    click.echo(f"wrote {path}")
    for name, reference in given.items():
        if reference.startswith("env:"):
            what = "a v4 API key" if name == "api_key" else "API Secret"
            click.echo(f"next: export {reference[4:]}=…  (Kit: Settings, Developer, {what}), then `cksync check`")
    if not any(reference.startswith("env:") for reference in given.values()):
        click.echo("next: `cksync check`")
    return None


def _check(name: str, reference: str, path: Path) -> None:
    """Refuse anything that may be the secret itself."""
    from cksync.errors import Rejected
    from cksync.secrets import SecretRef, environment

    option = f"--{name.replace('_', '-')}"
    found = SecretRef(reference, option, path.absolute().parent)
    if found.scheme == "literal" or not found.is_plain(environment()):
        raise Rejected(
            f"{option}: give a reference to the secret (env:NAME, file:PATH of an existing file,"
            " keyring:SERVICE/USER or cmd:COMMAND), not the secret itself"
        )


def write(path: Path, text: str) -> None:
    """Write a config file for its owner only. Raises Failed."""
    from cksync.errors import Failed
    from cksync.folder import write_whole

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}") from None


_V4 = """\
# API v4 is Kit's current one. With a key alone it does not give purchases: add the secret of API v3 for them, or use
# OAuth (`cksync login`).
"""
_V3 = """\
# API v3 gives everything that it has to its secret, but Kit will switch it off. To change to API v4, replace the next
# line with: api_key = "env:CKSYNC_API_KEY"
"""


def config_text(data_dir: str, references: dict[str, str], account: str | None = None) -> str:
    """A commented config file. `references` has api_key, api_secret or both."""
    is_v4 = "api_key" in references
    lines = "".join(f"{name} = {_toml(reference)}\n" for name, reference in references.items())
    if is_v4 and "api_secret" not in references:
        lines += '# api_secret = "env:CKSYNC_API_SECRET"\n'
    return (
        f"# Configuration of cksync{f' for {_comment(account)}' if account else ''}."
        " `cksync config --example` explains every key, `cksync config`\n"
        "# shows what is in force. Relative paths are relative to this file.\n"
        f"data_dir = {_toml(data_dir)}\n"
        "\n"
        "[api]\n"
        "# Where to find a secret, not the secret itself: env:NAME, file:PATH, keyring:SERVICE/USER or cmd:COMMAND.\n"
        f"{_V4 if is_v4 else _V3}"
        f"{lines}"
        "# Kit allows this many requests in any window of this length; use less if other programs share them.\n"
        "rate_limit = 120\n"
        "rate_period_seconds = 60\n"
        "\n"
        "[status]\n"
        "# Let `cksync status` exit with 3 once the mirror is older than this, for monitors.\n"
        '# max_age = "26h"\n'
    )


def _comment(text: str) -> str:
    """A text for a comment of TOML, which allows no control characters."""
    return "".join(letter for letter in text if letter.isprintable())


def _toml(text: str) -> str:
    """A TOML string: JSON syntax, plus an escape for the one control character that JSON allows."""
    import json

    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
