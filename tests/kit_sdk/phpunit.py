"""PHPUnit over a copy of the checkout, with the sandbox in the place of Kit, and what it reported."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from kit_sandbox import Sandbox

from .account import ZONE
from .clock import SkippingClock
from .suite import Case

BOOTSTRAP = Path(__file__).parent / "bootstrap.php"
# The SDK blots out the id, then the secret: one that begins with the id, as the sandbox's own does, would not be found.
CLIENT_ID = "kit-php-sdk-client"
# Nothing but the sandbox can be reached: whatever goes elsewhere is refused at this address.
NOWHERE = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}


class Missing(Exception):
    """PHPUnit or a library of PHP is not there, or could not run; says what to do."""


class Outcome(NamedTuple):
    """`passed`, `failed`, `skipped` or `not run`, with the reason as PHPUnit has it."""

    word: str
    text: str = ""


def run(
    checkout: Path, sandbox: Sandbox, clock: SkippingClock, settings: Mapping[str, str], tests: Sequence[Case]
) -> dict[Case, Outcome]:
    """Return the outcome of each test."""
    php, phpunit = shutil.which("php"), shutil.which("phpunit")
    if php is None or phpunit is None:
        raise Missing("php and phpunit are needed; Debian has them as the packages php-cli and phpunit")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("src", "tests"):
            shutil.copytree(checkout / part, folder / part)
        environ = {**_environ(folder, sandbox, settings), "KIT_SDK_CLOCK": str(clock.file)}
        _phpunit([php, *_options(), phpunit], folder, environ, tests)
        return _outcomes(folder / "junit.xml", tests)


def _options() -> list[str]:
    """The tests pause for a second each because of Kit's limit, and take the machine's day for the account's."""
    given = {"disable_functions": "sleep,date", "date.timezone": ZONE, "variables_order": "EGPCS"}
    return [text for key, value in given.items() for text in ("-d", f"{key}={value}")]


def _environ(folder: Path, sandbox: Sandbox, settings: Mapping[str, str]) -> dict[str, str]:
    """The SDK's settings with the sandbox's credentials, and where bootstrap.php finds what."""
    sandbox.oauth.clients[CLIENT_ID] = "not-a-real-secret-0000"
    pair = sandbox.oauth.grant(CLIENT_ID)
    own = {
        "CONVERTKIT_OAUTH_CLIENT_ID": pair["client_id"],
        "CONVERTKIT_OAUTH_CLIENT_SECRET": pair["client_secret"],
        "CONVERTKIT_OAUTH_ACCESS_TOKEN": pair["access_token"],
        "CONVERTKIT_OAUTH_REFRESH_TOKEN": pair["refresh_token"],
        "CONVERTKIT_V4_API_KEY": sandbox.v4_key,
    }
    places = {"KIT_SDK_FOLDER": str(folder), "KIT_SDK_API": sandbox.url_v4.removesuffix("v4")}
    return {"PATH": os.environ["PATH"], **NOWHERE, **settings, **own, **places}


def _phpunit(command: Sequence[str], folder: Path, environ: Mapping[str, str], tests: Sequence[Case]) -> None:
    wanted = "|".join(re.escape(str(test)) for test in tests)
    options = ["--no-configuration", "--do-not-cache-result", "--bootstrap", str(BOOTSTRAP)]
    options += ["--log-junit", "junit.xml", "--filter", f"/^({wanted})$/", "tests"]
    done = subprocess.run([*command, *options], cwd=folder, env=environ, stdout=subprocess.PIPE, text=True)
    if not (folder / "junit.xml").exists():
        raise Missing(f"PHPUnit did not run:\n{done.stdout}")
    print(f"PHPUnit: {done.stdout.strip().splitlines()[-1]}", file=sys.stderr)


def _outcomes(report: Path, tests: Sequence[Case]) -> dict[Case, Outcome]:
    cases = {f"{each.get('class')}::{each.get('name')}": each for each in ElementTree.parse(report).iter("testcase")}
    return {test: _outcome(cases.get(str(test))) for test in tests}


def _outcome(case: ElementTree.Element | None) -> Outcome:
    if case is None:
        return Outcome("not run")
    for tag, word in (("error", "failed"), ("failure", "failed"), ("warning", "failed"), ("skipped", "skipped")):
        found = case.find(tag)
        if found is not None:
            return Outcome(word, found.text or "")
    return Outcome("passed")
