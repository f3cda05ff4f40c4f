"""`cksync init`."""

from pathlib import Path

import click

from cksync.cli import Settings, common


@click.command()
@click.option("--data-dir", default="data", show_default=True, help="Folder for the mirror.")
@click.option(
    "--api-secret",
    "reference",
    default="env:CKSYNC_API_SECRET",
    show_default=True,
    help="Where to find the API secret: env:NAME, file:PATH, keyring:SERVICE/USER or cmd:COMMAND.",
)
@common
@click.pass_obj
def init(settings: Settings, data_dir: str, reference: str) -> None:
    """Write a config file, to the path given by --config or to ./config.toml. It never contains the secret itself."""
    from cksync.config import no_folder
    from cksync.errors import Failed, Rejected
    from cksync.folder import write_whole
    from cksync.secrets import SecretRef, environment

    path, reference = settings.config or Path("config.toml"), reference.strip()
    if path.exists():
        raise Rejected(f"{path} already exists; edit it, or choose another file with --config")
    if reason := no_folder(data_dir, (path.absolute().parent / data_dir)):
        raise Rejected(f"--data-dir: {data_dir} {reason}")
    secret = SecretRef(reference, "--api-secret", path.absolute().parent)
    if secret.scheme == "literal" or not secret.is_plain(environment()):
        raise Rejected(
            "--api-secret: give a reference to the secret (env:NAME, file:PATH of an existing file,"
            " keyring:SERVICE/USER or cmd:COMMAND), not the secret itself"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, _config(data_dir, reference).encode())
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}") from None
    click.echo(f"wrote {path}")
    if reference.startswith("env:"):
        click.echo(f"next: export {reference[4:]}=…  (Kit: Settings, Developer, API Secret), then `cksync check`")
    else:
        click.echo("next: `cksync check`")


def _config(data_dir: str, reference: str) -> str:
    return (
        "# Configuration of cksync; config.example.toml in the source repository explains every key.\n"
        f"data_dir = {_toml(data_dir)}\n"
        "\n"
        "[api]\n"
        f"api_secret = {_toml(reference)}\n"
        "rate_limit = 120\n"
        "rate_period_seconds = 60\n"
    )


def _toml(text: str) -> str:
    """A TOML string: JSON syntax, plus an escape for the one control character that JSON allows."""
    import json

    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
