"""The peers' own virtual environment: created on first use, at the top of the checkout, ignored by git."""

import os
import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).parent.parent / ".venv-bench"
PACKAGES = ("dlt[duckdb,parquet]", "requests")


def peers_python() -> str:
    """Return the interpreter with the peers' newest versions; remove the folder to get newer ones."""
    python = FOLDER / "bin" / "python"
    ready = FOLDER / "ready"
    if not ready.exists():
        print(f"making {FOLDER.name} for the peers ...", file=sys.stderr, flush=True)
        venv.create(FOLDER, with_pip=True, clear=True)
        (FOLDER / ".gitignore").write_text("*\n")
        environ = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True, env=environ)
        ready.touch()
    return str(python)


def versions(python: str, names: tuple[str, ...]) -> dict[str, str]:
    """Return the installed versions of some packages there; missing ones are left out."""
    code = (
        "import sys, importlib.metadata as m\n"
        "have = {d.metadata['Name'].lower(): d.version for d in m.distributions()}\n"
        "print(*(f'{n}={have[n]}' for n in sys.argv[1:] if n in have))"
    )
    done = subprocess.run([python, "-c", code, *names], check=True, capture_output=True, text=True)
    return dict(pair.split("=", 1) for pair in done.stdout.split())
