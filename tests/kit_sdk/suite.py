"""The tests of a checkout, and which of them may run: a test is judged by the methods of the SDK that it calls."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

Kind = Literal["reads", "no request", "writes", "page", "skipped by Kit"]
RUNS: tuple[frozenset[Kind], ...] = (frozenset({"reads", "no request"}), frozenset({"writes"}))
"""The tests that run, each group on an account of its own: those that read find it as it was built."""

_CLASS = re.compile(r"^class (\w+)(?: extends (\w+))?", re.MULTILINE)
_METHOD = re.compile(r"^    (?:public |protected |private )+function (\w+)", re.MULTILINE)
_COMMENT = re.compile(r"^\s*(?://|/?\*).*$", re.MULTILINE)
_CALL = re.compile(r"\bapi->(\w+)\(")
_WRITES = ("create_", "update_", "delete_", "add_", "remove_", "tag_", "unsubscribe")
_LOCAL = frozenset(
    {
        "convert_relative_to_absolute_urls",
        "getResponseInterface",
        "get_body_html",
        "get_oauth_url",
        "get_request_headers",
        "get_resource",  # with what is no address; the others are pages
    }
)


class Case(NamedTuple):
    """A test method as a class has it, inherited or its own."""

    class_name: str
    name: str
    kind: Kind

    def __str__(self) -> str:
        return f"{self.class_name}::{self.name}"


def settings_of(text: str) -> dict[str, str]:
    """What the SDK's `.env.example` names: ids, addresses, and secrets without a value."""
    return dict(re.findall(r'^(\w+)="?(.*?)"?$', text, re.MULTILINE))


def cases_of(checkout: Path) -> list[Case]:
    """Every test that PHPUnit would run, class by class; a class that others extend is run as those alone."""
    sources = [path.read_text() for path in sorted((checkout / "tests").glob("*Test.php"))]
    parents: dict[str, str] = {}
    methods: dict[str, dict[str, str]] = {}
    for source in sources:
        name, parent = _CLASS.findall(source)[0]
        parents[name], methods[name] = parent, _methods(source)
    return [
        Case(name, method, kind_of(body))
        for name in parents
        if name not in parents.values()
        for method, body in _inherited(name, parents, methods).items()
        if method.startswith("test")
    ]


def _methods(source: str) -> dict[str, str]:
    """The bodies of a class by the names of its methods, without comments."""
    plain = _COMMENT.sub("", source)
    found = list(_METHOD.finditer(plain))
    ends = [*(each.start() for each in found[1:]), len(plain)]
    return {each[1]: plain[each.end() : end] for each, end in zip(found, ends, strict=True)}


def _inherited(name: str, parents: Mapping[str, str], methods: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The methods of a class with those of the classes it extends."""
    above = _inherited(parents[name], parents, methods) if parents.get(name) in methods else {}
    return {**above, **methods[name]}


def kind_of(body: str) -> Kind:
    """What a test needs. An unknown method counts as reading, so that a new way to write is noticed by its failure."""
    calls = set(_CALL.findall(body))
    if "markTestSkipped" in body:
        return "skipped by Kit"
    if "mockResponse(" in body or "set_http_client(" in body:
        return "no request"
    if re.search(r"get_resource\((\$_ENV|'https?:)", body):
        return "page"
    if any(call.startswith(_WRITES) for call in calls):
        return "writes"
    return "reads" if calls - _LOCAL else "no request"
