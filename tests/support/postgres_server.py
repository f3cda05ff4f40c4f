"""A PostgreSQL server from this machine's own binaries, in a temporary folder, for one caller."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

PASSWORD = "CANARY-p:ss@w/rd%"  # every character with a meaning in a URI
ADVICE = "install PostgreSQL's server (apt-get install -y postgresql), or put its pg_config into PATH"


class NoServer(Exception):
    """This machine has no PostgreSQL binaries; the message says how to get them."""


def binaries() -> Path:
    """Return the folder of initdb and postgres. Raises NoServer."""
    asked = [Path(_output("pg_config", "--bindir"))] if shutil.which("pg_config") else []
    places = [*asked, *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    raise NoServer(ADVICE)


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Yield the address of a server on loopback that requires a password; it is stopped afterwards."""
    place = binaries()
    folder = Path(tempfile.mkdtemp(prefix="cksync-postgres-"))
    try:
        user = _user(folder)
        secret = folder / "password"
        secret.write_text(PASSWORD)
        if user:
            shutil.chown(secret, user)
        data = str(folder / "data")
        initdb = [str(place / "initdb"), "-D", data, "-U", "ada", "-A", "scram-sha-256", f"--pwfile={secret}"]
        _run(user, [*initdb, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"])
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
        control = [str(place / "pg_ctl"), "-D", data, "-w", "-t", "60"]
        _run(user, [*control, "-l", str(folder / "log"), "-o", options, "start"])
        try:
            yield f"postgresql://ada:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/postgres"
        finally:
            _run(user, [*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user(folder: Path) -> str | None:
    """Return the user to run the server as: PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = "postgres" if "postgres" in names else "nobody"
    shutil.chown(folder, user)
    return user


def _run(user: str | None, command: Sequence[str]) -> None:
    before = ["runuser", "-u", user, "--"] if user else []
    done = subprocess.run([*before, *command], cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stdout}{done.stderr}")
