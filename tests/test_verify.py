"""Verify: what is proved, what differs, and what is repaired."""

import json
from pathlib import Path

import pytest

from cksync.config import Config
from cksync.errors import Failed
from cksync.pipeline.pull import pull
from cksync.pipeline.verify import VerifyReport
from kit_sandbox import Sandbox, World, edits, effects
from tests.conftest import Command
from tests.support.comparison import differences
from tests.support.runs import found


def verdicts(findings: VerifyReport) -> dict[str, str]:
    return {finding.stream: finding.verdict for finding in findings.findings}


def everything(folder: Path) -> dict[str, bytes]:
    """Return every file of the data folder except the throttle's and the lock."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parent.name != "state"
    }


def someone(world: World, place: int) -> int:
    return sorted(key for key, person in world.subscribers.items() if person.state == "active")[place]


def big_tag(world: World) -> int:
    return max(world.parents["tag"], key=lambda key: len(world.rosters["tag", key].members))


@pytest.mark.heavy
def test_level_mirror_is_proved_and_nothing_is_written(config: Config) -> None:
    list(pull(config))
    before = everything(config.data_dir)
    findings = found(config)
    assert findings.exit_status == 0
    assert {"counts proved", "content proved", "not provable"} == set(verdicts(findings).values())
    assert verdicts(findings)["broadcast_stats"] == "not provable"
    assert findings.unlisted > 0
    assert everything(config.data_dir) == before


@pytest.mark.heavy
def test_reading_every_row_proves_the_content(config: Config) -> None:
    list(pull(config))
    findings = found(config, full=True)
    assert findings.exit_status == 0
    assert set(verdicts(findings).values()) == {"content proved"}


@pytest.mark.heavy
def test_what_differs_is_named_and_nothing_is_written(config: Config, world: World) -> None:
    list(pull(config))
    edits.delete_subscriber(world, someone(world, 20))
    before = everything(config.data_dir)
    findings = found(config)
    assert findings.exit_status == 3
    assert verdicts(findings)["subscribers"] == "differs"
    assert verdicts(findings)["subscriptions"] == "differs"
    assert "1 missing in the account" in next(each.reason for each in findings.findings if each.stream == "subscribers")
    assert everything(config.data_dir) == before


@pytest.mark.heavy
def test_repair_mends_what_differs(config: Config, world: World) -> None:
    list(pull(config))
    edits.delete_subscriber(world, someone(world, 20))
    edits.bounce(world, someone(world, 50))
    edits.add_subscriber(world, "new@example.com")
    tag = big_tag(world)
    members = list(world.rosters["tag", tag].members)
    edits.untag(world, members[3], tag)
    findings = found(config, repair=True)
    assert findings.exit_status == 0
    assert verdicts(findings)["subscribers"] == "mended"
    assert differences(config.data_dir / "mirror.duckdb", world) == []
    assert set(verdicts(found(config)).values()) == {"counts proved", "content proved", "not provable"}


@pytest.mark.heavy
def test_state_of_a_membership_shows_when_every_row_is_read(config: Config, world: World) -> None:
    list(pull(config))
    tag = big_tag(world)
    edits.set_subscription_state(world, "tag", list(world.rosters["tag", tag].members)[5], tag, "inactive")
    assert verdicts(found(config, full=True))["subscriptions"] == "differs"
    assert found(config, repair=True, full=True).exit_status == 0
    assert differences(config.data_dir / "mirror.duckdb", world) == []


@pytest.mark.heavy
def test_list_that_cannot_be_read_is_not_proved(config: Config, sandbox: Sandbox) -> None:
    list(pull(config))
    sandbox.faults.add(effects.wrong_total(5), path="/purchases", count=None)
    findings = found(config)
    assert findings.exit_status == 3
    assert verdicts(findings)["purchases"] == "incomplete"


def test_there_is_nothing_to_verify_before_the_first_pull(config: Config) -> None:
    with pytest.raises(Failed, match="create it with `cksync pull`"):
        found(config)


@pytest.mark.heavy
def test_command_ends_with_3_when_something_differs_and_with_0_when_it_is_repaired(
    cksync: Command, world: World
) -> None:
    cksync("pull")
    assert "counts proved" in cksync("verify").stdout
    edits.delete_subscriber(world, someone(world, 7))
    differs = cksync("verify", ok=False)
    assert (differs.returncode, "run `cksync verify --repair` to fix" in differs.stdout) == (3, True)
    mended = json.loads(cksync("verify", "--repair", "--format", "json").stdout)
    assert {each["verdict"] for each in mended["findings"]} >= {"mended"}
    assert cksync("verify").returncode == 0
