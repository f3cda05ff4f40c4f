"""The models of an account read through API v4, against numbers computed in Python from the sandbox's world; and of one
folder that changes its version. No SQL is involved."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cksync.analyze.report import write_report
from cksync.config import ApiConfig, Config, ModelsConfig
from cksync.folder import Folder
from cksync.pipeline.events import PullReport
from cksync.secrets import SecretRef
from kit_sandbox import Sandbox, World, generate, serve
from kit_sandbox.expected_v4 import Row, expected_v4
from tests.support.changes import change_everything
from tests.support.connecting import having, with_oauth
from tests.support.published import rows_of
from tests.support.runs import pulled

PEOPLE = 200
UNTOLD = "Only API v4 tells this"


@dataclass(frozen=True)
class Account:
    """A served world, and a config for its API v3."""

    world: World
    sandbox: Sandbox
    v3: Config

    @property
    def v4(self) -> Config:
        return with_oauth(self.v3, self.sandbox)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return rows_of(self.v3.data_dir / "mirror.duckdb", query)

    @property
    def report(self) -> str:
        path = self.v3.data_dir.parent / "report.html"
        write_report(Folder(self.v3.data_dir), path, force=True)
        return path.read_text()


def serving(folder: Path, *, with_edge_cases: bool = False) -> Iterator[Account]:
    world = generate(PEOPLE, 6, with_edge_cases=with_edge_cases, broadcasts=120, purchases=60)
    with serve(world, rate_limit=None) as sandbox:
        secret = SecretRef(sandbox.api_secret, "api.api_secret", folder)
        api = ApiConfig(sandbox.url, secret, rate_limit=100_000, rate_period_seconds=1.0, timeout_seconds=5.0)
        config = Config(folder / "data", "the test", api=api, models=ModelsConfig(minimum_support=5))
        yield Account(world, sandbox, replace(config, pull=replace(config.pull, settle_seconds=0.01)))


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """The account after its first pull through v4."""
    for made in serving(tmp_path_factory.mktemp("v4")):
        flawless(pulled(made.v4))
        yield made


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.heavy)])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Account]:
    """An account that was never pulled."""
    yield from serving(tmp_path, with_edge_cases=request.param)


def flawless(report: PullReport) -> None:
    assert report.published.analysis.complaints == ()


def people(account: Account) -> list[Row]:
    return list(expected_v4(account.world).subscribers.values())


def day_of(text: str) -> date:
    return datetime.fromisoformat(text).astimezone(UTC).date()


def test_cancellations_count_on_their_day(account: Account) -> None:
    expected = Counter(day_of(each["canceled_at"]) for each in people(account) if each["canceled_at"])
    assert len(expected) > 10
    found = account.rows("select day, lost from list_growth_daily where lost > 0")
    assert dict(found) == expected
    by_month = Counter(day.replace(day=1) for day in expected.elements())
    found = account.rows("select month, lost from churn_monthly where lost > 0")
    assert dict(found) == by_month


def test_active_people_of_the_past(account: Account) -> None:
    known = [each for each in people(account) if each["state"] == "active" or each["canceled_at"]]
    ((first, last),) = account.rows("select min(day), max(day) from list_growth_daily")
    for days in range(0, (last - first).days + 1, 97):
        day = first + timedelta(days=days)
        there = [each for each in known if day_of(each["created_at"]) <= day]
        active = sum(not each["canceled_at"] or day_of(each["canceled_at"]) > day for each in there)
        assert account.rows(f"select active_end from list_growth_daily where day = '{day}'") == [(active,)]


def test_cold_people(account: Account) -> None:
    ((now,),) = account.rows("select max(read_at) from subscriber_engagement")
    created = {each["id"]: datetime.fromisoformat(each["created_at"]) for each in people(account)}
    cold = set()
    for key, row in expected_v4(account.world).subscriber_stats.items():
        times = [datetime.fromisoformat(row[name]) for name in ("last_opened", "last_clicked") if row[name]]
        age = (now - created[key]).days
        limit = 90 if age >= 90 else 30
        if age >= 30 and not any(now - each <= timedelta(days=limit) for each in times):
            cold.add(key)
    found = account.rows("select subscriber_id from subscriber_engagement where is_cold")
    assert {key for (key,) in found} == cold
    assert 0 < len(cold) < len(account.rows("from subscriber_engagement"))


def test_clicks_of_links(account: Account) -> None:
    links = expected_v4(account.world).broadcast_links.values()
    found = account.rows("select broadcast_id, link_id, url, unique_clicks from link_performance")
    assert sorted(found) == sorted((row["broadcast_id"], row["id"], row["url"], row["unique_clicks"]) for row in links)
    assert found


def test_emails_of_sequences(account: Account) -> None:
    stats = expected_v4(account.world).sequence_email_stats
    found = account.rows("select email_id, recipients, opens, clickers, unsubscribes from sequence_email_performance")
    assert {key: row for key, *row in found} == {
        key: [row[name] for name in ("recipients", "opens", "clicks", "email_unsubscribes")]
        for key, row in stats.items()
    }
    assert any(row[1] for row in found)


def test_countries_and_sources(account: Account) -> None:
    expected = Counter(each["location_country"] or "" for each in people(account))
    found = account.rows("select country, people from geography where level = 'country'")
    assert dict(found) == expected
    sources = Counter(each["attribution_source_name"] or "" for each in people(account))
    found = account.rows("select source_key, new_leads from list_quality_by_source where dimension = 'source_name'")
    assert dict(found) == sources


def test_report_has_every_section(account: Account) -> None:
    assert UNTOLD not in account.report
    assert 'class="nothing"' not in account.report


@pytest.mark.heavy
def test_every_fact_holds_night_after_night(fresh: Account) -> None:
    flawless(pulled(fresh.v4))
    change_everything(fresh.world)
    flawless(pulled(fresh.v4))


@pytest.mark.heavy
def test_every_fact_holds_in_a_folder_that_changes_its_version(fresh: Account) -> None:
    flawless(pulled(fresh.v3))
    assert UNTOLD in fresh.report
    members = fresh.rows("select count(*) from bridge_membership")
    flawless(pulled(fresh.v4))
    assert fresh.rows("select count(*) from bridge_membership") == members
    assert fresh.rows("select max(precision) from list_growth_daily where lost > 0") == [("at least",)]
    change_everything(fresh.world)
    flawless(pulled(fresh.v3))
    assert fresh.rows("select count(*) > 0 from link_performance") == [(True,)]
    assert having(fresh.v3).api.oauth is None
