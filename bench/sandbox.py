"""The sandbox as a process of its own: its account, its journal, and the expected content.

The work of a tool is counted here, by the server, and never taken from the tool.
"""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

SECRET = "bench-secret-0123456789"
CONTROL = {"X-Sandbox-Token": "bench-control-0123456789"}
PAGE_ROWS = 50


class Sandbox:
    """A running sandbox: `url` is the base address of API v3, `url_v4` that of API v4, and `key` its key."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url, key
        self._control = url.removesuffix("/v3") + "/_sandbox/"
        self.url_v4 = url.removesuffix("/v3") + "/v4"

    def get(self, path: str, **params: str) -> Any:
        """Send one GET to the API."""
        return _ask(f"{self.url}/{path}?{urlencode({**params, 'api_secret': SECRET})}")

    def truth(self, table: str) -> Any:
        """Return the records of a correct mirror."""
        return _ask(f"{self._control}truth?{urlencode({'table': table})}")

    def truth_v4(self, table: str) -> Any:
        """Return the rows of a correct mirror of API v4."""
        return _ask(f"{self._control}truth?{urlencode({'table': table, 'version': 'v4'})}")

    def grant(self) -> Any:
        """Return the tokens of a login."""
        return _ask(self._control + "oauth", method="POST")

    def edit(self, edit: str, **args: Any) -> Any:
        """Change the account with an edit of the sandbox's world, by name."""
        body = json.dumps({"edit": edit, "args": args}).encode()
        request = urllib.request.Request(self._control + "edits", data=body, headers=CONTROL, method="POST")
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["result"]

    def journal(self) -> Any:
        """Return the requests since the journal was last cleared: counts and the list."""
        return _ask(self._control + "journal")

    def clear_journal(self) -> None:
        """Restart the count."""
        _ask(self._control + "journal/clear", method="POST")

    def pages(self, path: str, **params: str) -> int:
        """Return how many pages a list has."""
        return int(self.get(path, **params)["total_pages"])

    def warm(self, *, with_members: bool) -> None:
        """Request every page once: the sandbox caches the texts it builds, so otherwise the first tool would wait for
        work that the others find done."""
        lists = [("subscribers", params) for params in LISTS]
        if with_members:
            parents = [(path, each["id"]) for path in KINDS for each in self.truth(path)]
            lists += [(f"{path}/{parent_id}/subscriptions", {}) for path, parent_id in parents]
        for path, params in lists:
            for page in range(1, self.pages(path, **params) + 1):
                self.get(path, **params, page=str(page))


# The two lists with all people that /subscribers shows.
LISTS: tuple[dict[str, str], ...] = ({}, {"sort_field": "cancelled_at"})
KINDS = ("tags", "forms", "sequences")


def _ask(url: str, method: str = "GET") -> Any:
    request = urllib.request.Request(url, headers=CONTROL, method=method)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


@contextmanager
def sandbox(
    subscribers: int, *, seed: int, sizes: Mapping[str, int] | None = None, **options: float
) -> Iterator[Sandbox]:
    """Serve a generated account until the block ends; `options` are those of `python -m kit_sandbox`, `sizes` those of
    the account."""
    given = {"subscribers": subscribers, "seed": seed, "port": 0, **options}
    flags = [text for name, value in given.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    flags += [text for name, number in (sizes or {}).items() for text in ("--size", f"{name}={number}")]
    command = [sys.executable, "-m", "kit_sandbox", *flags, "--api-secret", SECRET]
    command += ["--control-token", *CONTROL.values()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            key = next(line for line in process.stdout if "X-Kit-Api-Key" in line).split()[-1]
            yield Sandbox(url, key)
        finally:
            process.terminate()
