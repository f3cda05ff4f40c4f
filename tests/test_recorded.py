"""What a person sees in a terminal, recorded as text files, at two sizes: a first pull through v3 under the real limit
(on a virtual clock), `status`, and a push.

`UPDATE_SNAPSHOTS=1` rewrites the files.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import pytest

from kit_sandbox import World
from tests.conftest import Command, some
from tests.support.pseudo_terminal import in_terminal
from tests.support.screen import Screen

TOP = Path(__file__).parent.parent
SNAPSHOTS = TOP / "tests" / "snapshots"
SIZES = some([(80, 24), (120, 40)], [(80, 24)])
# What stands for the folder in the recordings.
HOME = "/home/ada/bread"
# Not every frame is kept: one of so many.
EVERY = 12


def check(name: str, size: tuple[int, int], text: str, home: Path) -> None:
    """Compare a recording with its snapshot."""
    text = text.replace(str(home), HOME)
    file = SNAPSHOTS / f"terminal-{name}-{size[0]}x{size[1]}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        file.write_text(text)
    assert file.read_text() == text


def frames(written: str, size: tuple[int, int]) -> list[str]:
    """Return what the screen showed, each time it was redrawn, without what was the same before."""
    screen, found = Screen(size[0]), [""]
    for part in written.split("\x1b[J"):
        screen.write(part)
        if screen.text != found[-1]:
            found.append(screen.text)
        screen.write("\x1b[J")
    return found[1:]


def recorded(written: str, size: tuple[int, int]) -> str:
    """Return a choice of the frames, and how it ends."""
    *shown, last = frames(written, size)
    waits = [n for n, frame in enumerate(shown) if "waiting" in frame and "waiting" not in shown[n - 1]]
    ends = [n for n, frame in enumerate(shown) if "everything is read" in frame][:1]
    kept = sorted({*range(0, len(shown), EVERY), *waits, *ends})
    rule = "-" * size[0]
    return f"\n{rule}\n".join([*(shown[n] for n in kept), last]) + "\n"


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder whose path is as long as HOME, so that lines that name it break at the same places."""
    with tempfile.TemporaryDirectory(prefix="ck", dir="/tmp") as name:
        assert len(name) == len(HOME)
        yield Path(name)


def environ_at(folder: Path, settings: str) -> Mapping[str, str]:
    """Return the environment of a command whose folder is `data` in the current one."""
    (folder / "config.toml").write_text(settings)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "CKSYNC_CONFIG": "config.toml",
        "PYTHONPATH": str(TOP),
    }


@pytest.mark.parametrize("size", SIZES, ids="{0[0]}x{0[1]}".format)
def test_first_pull_under_the_real_limit(size: tuple[int, int], home: Path) -> None:
    environ = environ_at(home, 'data_dir = "data"\n[api]\nconcurrency = 1\n[models]\nbuild = false\n')
    status, written = in_terminal(
        "pull",
        cwd=home,
        environ=environ,
        width=size[0],
        height=size[1],
        module=("tests.support.on_virtual_clock", "500", "0.3"),
    )
    assert status == 0
    assert all(len(line) <= size[0] for frame in frames(written, size) for line in frame.split("\n"))
    check("first-pull", size, recorded(written, size), home)


@pytest.mark.heavy
def test_first_pull_into_a_pipe_says_its_cost_and_every_minute_how_far_it_is(home: Path) -> None:
    environ = environ_at(home, 'data_dir = "data"\n[api]\nconcurrency = 1\n[models]\nbuild = false\n')
    command = [sys.executable, "-m", "tests.support.on_virtual_clock", "500", "0.3", "pull"]
    done = subprocess.run(command, cwd=home, env=environ, capture_output=True, text=True)
    assert done.returncode == 0
    check("first-pull-piped", (0, 0), f"{done.stderr}--\n{done.stdout}", home)


def same_times(text: str) -> str:
    """Replace what differs from run to run: times, days, ids of loads and spent seconds."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", lambda found: "2026-11-01 12:00:00"[: len(found[0])], text)
    text = re.sub(r"\d+\.\d s\b", "1.0 s", text)
    return re.sub(r"checksum [0-9a-f]{16}", "checksum 0123456789abcdef", text)


@pytest.mark.parametrize("size", SIZES, ids="{0[0]}x{0[1]}".format)
def test_status_and_push(
    size: tuple[int, int], cksync: Command, environ: dict[str, str], home: Path, world: World
) -> None:
    environ = {**environ, "CKSYNC_DATA_DIR": str(home / "data"), "TZ": "UTC"}
    cksync("pull", env={"CKSYNC_DATA_DIR": str(home / "data")})
    _, written = in_terminal("status", cwd=home, environ=environ, width=size[0], height=size[1])
    check("status", size, same_times(frames(written, size)[-1]) + "\n", home)
    cksync("checkout", str(home / "work.duckdb"), env={"CKSYNC_DATA_DIR": str(home / "data")})
    people = sorted(key for key, person in world.subscribers.items() if person.state == "active")[:3]
    with duckdb.connect(str(home / "work.duckdb")) as db:
        db.execute("update subscribers set first_name = 'Ada' where id in (select unnest(?::bigint[]))", [people])
        db.execute("insert into tags (name) values ('New')")
    status, written = in_terminal(
        *("push", "work.duckdb", "--yes"), cwd=home, environ=environ, width=size[0], height=size[1]
    )
    assert status == 0
    check("push", size, same_times(frames(written, size)[-1]) + "\n", home)
