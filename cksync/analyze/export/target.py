"""The target and format of an export: inferred from the target, or set with a flag."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import unquote

from cksync.errors import Rejected
from cksync.folder import Folder
from cksync.paths import unusable
from cksync.secrets import remember

Form = Literal["parquet", "csv", "excel", "sqlite", "duckdb", "postgres"]
FORMS: tuple[Form, ...] = get_args(Form)

_SUFFIXES: Mapping[str, Form] = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".xlsx": "excel",
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
    ".db": "sqlite",
    ".duckdb": "duckdb",
}
_SERVER = re.compile(r"postgres(?:ql)?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    """What to write: a folder or a file at `path`, or a schema of the server at `uri` (which may contain a password,
    and must not be shown)."""

    form: Form
    given: str
    path: Path = Path()
    is_folder: bool = False
    uri: str = ""

    def __repr__(self) -> str:
        return f"Target({self.form}, {self.name})"

    @property
    def name(self) -> str:
        """The target as it may be shown."""
        return place_of(self.uri) if self.uri else self.given


def is_server(given: str) -> bool:
    """Return True if a text is the address of a PostgreSQL server."""
    return bool(_SERVER.match(given))


def hide_password(given: str) -> None:
    """Hide the password of an address, if there is one, in all output."""
    if not is_server(given):
        return
    rest = given.partition("://")[2]
    before, at, _ = rest.rpartition("@")
    found = [before.partition(":")[2]] if at else []
    found += re.findall(r"[?&]password=([^&]*)", rest)
    for password in filter(None, found):
        remember(password)
        remember(unquote(password))


def place_of(uri: str) -> str:
    """Return an address without its user, password and options."""
    rest = uri.partition("://")[2].rpartition("@")[2].partition("?")[0]
    return f"postgresql://{rest}"


def parse(given: str, form: Form | None) -> Target:
    """Return the target of a text. Raises Rejected if it is invalid, or does not match `form`."""
    if is_server(given) or form == "postgres":
        if not is_server(given) or form not in (None, "postgres"):
            raise Rejected(f"--to {form}: a server URL begins with postgresql://, and only --to postgres accepts one")
        return Target("postgres", "", uri=given)
    if given == "-":
        raise Rejected("export cannot write to stdout; use `cksync sql --format csv`")
    path = Path(given).expanduser().resolve()
    is_folder = given.endswith("/") or path.is_dir() or (not path.suffix and form in (None, "parquet", "csv"))
    guess = "parquet" if is_folder else _SUFFIXES.get(path.suffix.lower())
    known = form or guess
    if known is None:
        suffixes = ", ".join(_SUFFIXES)
        raise Rejected(
            f"{given}: unknown format; end it with {suffixes} or / (a folder), or add --to {'|'.join(FORMS)}"
        )
    if is_folder and known not in ("parquet", "csv"):
        raise Rejected(f"{given} is a folder, but {known} needs a file; name a file")
    # Only databases have trouble with a ?.
    if reason := unusable(path if known == "duckdb" else Path(str(path).replace("?", "_"))):
        raise Rejected(f"{given} {reason}")
    return Target(known, given, path, is_folder)


def protect(target: Target, folder: Folder) -> None:
    """Raise Rejected if an export would replace cksync's own files."""
    root = folder.root.resolve()
    if target.uri or not target.path.is_relative_to(root):
        if not target.uri and root.is_relative_to(target.path):
            raise Rejected(f"{target.name} contains the data folder of cksync; choose another target")
        return
    first = target.path.relative_to(root).parts[:1]
    if first in ((), ("log",), ("state",), ("parquet",), ("mirror.duckdb",), ("format",), (".gitignore",)):
        raise Rejected(f"{target.name} belongs to the data folder of cksync; choose another target")
