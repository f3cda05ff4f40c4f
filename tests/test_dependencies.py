"""The wheel installs what it imports, and nothing else."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("cksync", "kit_sandbox")


def imported() -> set[str]:
    """The top-level modules that the packages import anywhere."""
    found: set[str] = set()
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return found - set(PACKAGES) - sys.stdlib_module_names - {"_typeshed"}  # types alone


def required() -> set[str]:
    """The distributions that pyproject.toml names, with all extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [name for names in project["optional-dependencies"].values() for name in names]
    return {name.split(">")[0].split("<")[0].lower() for name in (*project["dependencies"], *extras)}


def test_what_is_imported_is_what_is_installed() -> None:
    homes = packages_distributions()
    distributions = {home.lower() for module in imported() for home in homes[module]}
    assert distributions == required()
