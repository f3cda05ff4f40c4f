"""The account of the demo: a sandbox in its own process, whose clock and life the demo moves."""

import contextlib
import json
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cksync.clock import wall_clock
from cksync.errors import Failed

# The real limit is 120 requests per 60 s; the demo's account allows far more, so that 13 pulls take seconds.
RATE_LIMIT, RATE_PERIOD_SECONDS = 1_000, 1.0


@dataclass
class DemoAccount:
    """A served account, whose time is `days_ago` behind the machine's."""

    url: str
    environ: Mapping[str, str]
    token: str
    days_ago: float

    def now(self) -> datetime:
        """The account's time, which is the time of its pulls."""
        return wall_clock() - timedelta(days=self.days_ago)

    def live(self, days: float) -> None:
        """Move the account's clock, and let it live these days."""
        request = urllib.request.Request(
            f"{self.url}/_sandbox/clock",
            data=json.dumps({"days": days}).encode(),
            headers={"X-Sandbox-Token": self.token},
        )
        try:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60).close()
        except OSError as error:
            raise Failed(f"the sandbox did not move its clock: {error}") from None
        self.days_ago -= days


@contextlib.contextmanager
def demo_account(secret: str, key: str, days_ago: int) -> Iterator[DemoAccount]:
    """Serve the account as it was so many days ago, until the block ends."""
    token = secrets.token_hex(16)
    command = [sys.executable, "-m", "kit_sandbox", "--seed", "creator", "--days-ago", str(days_ago), "--port", "0"]
    command += ["--rate-limit", "0", "--api-secret", secret, "--v4-key", key, "--control-token", token]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if " on " not in line:
                raise Failed("the sandbox did not start; run `cksync sandbox` to see why")
            url = line.rsplit(" ", 1)[1].strip().removesuffix("/v3")
            environ = {"CKSYNC_BASE_URL": f"{url}/v4", "CKSYNC_API_KEY": key, "CKSYNC_API_SECRET": secret}
            yield DemoAccount(url, environ, token, days_ago)
        finally:
            process.terminate()
