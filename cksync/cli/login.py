"""`cksync login`."""

import contextlib
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from cksync.cli import Settings, common

if TYPE_CHECKING:
    from cksync.api.login import Authorization
    from cksync.pipeline.login import LoginClient

LONGEST_PASTE = 8192


@click.command()
@click.option("--client-id", metavar="ID", help="Client ID of your app in Kit; needed the first time.")
@click.option(
    "--client-secret",
    "reference",
    metavar="REFERENCE",
    help="Where to find the client secret of an app that has one: env:NAME, file:PATH, keyring:SERVICE/USER or"
    " cmd:COMMAND.",
)
@click.option("--paste", is_flag=True, help="Paste the answer instead of listening for it, as on a server.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port of 127.0.0.1 to listen on; 0 is any free one. Default: 8414, or any free one.",
)
@click.option("--redirect-uri", metavar="ADDRESS", help="Redirect address of the app, with --paste.")
@click.option(
    "--timeout",
    "seconds",
    type=click.FloatRange(0, 3600, min_open=True),
    default=300.0,
    show_default=True,
    help="Seconds to wait for the browser.",
)
@common
@click.pass_obj
def login(
    settings: Settings,
    client_id: str | None,
    reference: str | None,
    paste: bool,
    port: int | None,
    redirect_uri: str | None,
    seconds: float,
) -> None:
    """Log in to Kit with OAuth, and store the tokens in oauth.json (`[api] oauth`), for API v4 with 600 requests a
    minute. Opens a browser; prints the address to open, too.

    It needs an app of your own in Kit: docs/oauth.md.
    """
    from pathlib import Path

    from cksync.cli.progress import start_logging
    from cksync.cli.signals import stop_on_signals
    from cksync.pipeline import login as verb
    from cksync.secrets import SecretRef, environment

    if redirect_uri and not paste:
        raise click.UsageError("--redirect-uri needs --paste")
    config, stop, environ = settings.load(), stop_on_signals(), environment()
    start_logging(settings.verbosity, quiet=settings.quiet)
    secret = SecretRef(reference.strip(), "--client-secret", Path.cwd()) if reference else None
    client = verb.login_client(config, client_id.strip() if client_id else None, secret, environ, stop)
    if paste:
        asked = client.request(redirect_uri or client.redirect_uri or _loopback(port))
        answer = _pasted(asked)
    else:
        asked, answer = _listened(client, port, seconds, stop, environ)
    verb.finish(config, client, asked, answer, stop, keep_redirect=redirect_uri is not None)
    click.echo(f"wrote {client.path}")
    found = verb.try_login(config, client, environ)
    click.echo(f"account: {found['account']}")
    click.echo(f"credentials: {found['credentials']}")
    step = verb.next_steps(config, client)
    click.echo(f"next: {step}; then `cksync pull`" if step else "next: `cksync pull`")


def _loopback(port: int | None) -> str:
    from cksync.api.loopback import CALLBACK, HOST, PORT

    return f"http://{HOST}:{port or PORT}{CALLBACK}"


def _pasted(asked: "Authorization") -> str:
    """Print the address, and read the answer from the terminal or from stdin."""
    from cksync.cli.signals import asking
    from cksync.errors import Rejected

    click.echo(f"open this address in any browser:\n\n{asked.address}\n", err=True)
    click.echo(
        "it ends at an address with a code, even if that page cannot be shown; paste the whole address here:", err=True
    )
    with asking():
        answer = sys.stdin.buffer.readline(LONGEST_PASTE).decode(errors="replace").strip()
    if not answer:
        raise Rejected("nothing was pasted; nothing was written; run `cksync login --paste` again")
    return answer


def _listened(
    client: "LoginClient", port: int | None, seconds: float, stop: threading.Event, environ: Mapping[str, str]
) -> tuple["Authorization", str]:
    """Listen on loopback, open the browser, and wait for its answer."""
    from cksync.api.loopback import listening

    with listening(port) as listener:
        asked = client.request(listener.redirect_uri)
        click.echo(f"open this address in a browser on this machine:\n\n{asked.address}\n", err=True)
        _open_browser(asked.address, environ)
        return asked, listener.wait(seconds, stop)


def _open_browser(address: str, environ: Mapping[str, str]) -> None:
    """Open the address where there is a browser; one of the terminal would take the terminal."""
    if sys.platform.startswith("linux") and not any(
        environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    ):
        return
    import webbrowser

    def show() -> None:
        with contextlib.suppress(Exception):  # the address is printed, too
            webbrowser.open(address)

    threading.Thread(target=show, name="browser", daemon=True).start()
