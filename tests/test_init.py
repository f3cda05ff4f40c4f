"""`cksync init` on a terminal: it asks for a key, tests it, keeps it, and offers the first pull."""

from pathlib import Path

import pytest

from cksync.config import load_config
from kit_sandbox import Sandbox
from tests.support.pseudo_terminal import in_terminal

KEY, PLACE, NOW = "Key or secret (not shown)", "Keep it in", "Pull now?"


@pytest.fixture
def bare(environ: dict[str, str], sandbox: Sandbox) -> dict[str, str]:
    """The environment of a person who has set nothing; only the address is that of the sandbox."""
    url = sandbox.url.replace("/v3", "")
    return {
        **{name: value for name, value in environ.items() if not name.startswith("CKSYNC_")},
        "CKSYNC_BASE_URL": url,
    }


def lead(tmp_path: Path, environ: dict[str, str], *answers: tuple[str, str], width: int = 80) -> tuple[int, str]:
    return in_terminal("init", cwd=tmp_path, environ=environ, width=width, answers=answers)


def test_a_key_in_a_file_leads_to_a_first_pull(bare: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
    bare = {**bare, "CKSYNC_BASE_URL": f"{bare['CKSYNC_BASE_URL']}/v4"}
    status, shown = lead(tmp_path, bare, (KEY, sandbox.v4_key), (PLACE, "file"), (NOW, "y"))
    assert status == 0, shown
    assert "<owner@example.com>, read through API v4" in " ".join(shown.split())
    assert sandbox.v4_key not in shown
    kept = tmp_path / "config.api_key"
    assert (kept.read_text().strip(), kept.stat().st_mode & 0o777) == (sandbox.v4_key, 0o600)
    assert (tmp_path / "data" / "mirror.duckdb").exists()
    text = (tmp_path / "config.toml").read_text()
    assert sandbox.v4_key not in text
    assert "owner@example.com" in text


def test_a_wrong_secret_is_reported_and_requested_again(bare: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
    bare = {**bare, "CKSYNC_BASE_URL": f"{bare['CKSYNC_BASE_URL']}/v3"}
    wrong = "a-secret-of-another-account"
    status, shown = lead(tmp_path, bare, (KEY, wrong), (KEY, sandbox.api_secret), (PLACE, "environment"), width=120)
    assert status == 0, shown
    assert "rejects the credentials" in shown
    assert wrong not in shown
    assert sandbox.api_secret not in shown
    assert "next: export CKSYNC_API_SECRET=" in shown
    config = load_config(tmp_path / "config.toml", {})
    assert config.api.api_secret is not None
    assert config.api.api_secret.source == "env:CKSYNC_API_SECRET"


def test_no_to_the_pull_names_the_command(bare: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
    bare = {**bare, "CKSYNC_BASE_URL": f"{bare['CKSYNC_BASE_URL']}/v3"}
    status, shown = lead(tmp_path, bare, (KEY, sandbox.api_secret), (PLACE, ""), (NOW, ""))
    assert (status, shown.splitlines()[-1]) == (0, "next: `cksync pull`")
    assert not (tmp_path / "data" / "mirror.duckdb").exists()


def test_three_wrong_keys_end_it_without_a_file(bare: dict[str, str], tmp_path: Path) -> None:
    bare = {**bare, "CKSYNC_BASE_URL": f"{bare['CKSYNC_BASE_URL']}/v3"}
    status, _ = lead(tmp_path, bare, *[(KEY, "a-secret-of-another-account")] * 3)
    assert status == 2
    assert not (tmp_path / "config.toml").exists()


@pytest.mark.parametrize("width", [80, 120])
def test_its_sentences_fit_the_terminal(width: int, bare: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
    bare = {**bare, "CKSYNC_BASE_URL": f"{bare['CKSYNC_BASE_URL']}/v4"}
    answers = ((KEY, sandbox.v4_key), (PLACE, "file"), (NOW, "n"))
    _, shown = lead(tmp_path, bare, *answers, width=width)
    assert [line for line in shown.splitlines() if len(line) > width and str(tmp_path) not in line] == []
