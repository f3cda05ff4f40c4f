"""Names that are unique in an account: the plan reports a taken name, once for each row."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from cksync.write.diff import diff
from cksync.write.edits import Account, Cell, Edit
from cksync.write.plan import Plan
from tests.test_diff import account

LABELS = {1: "Company", 2: "Lead opt-in", 3: "Straße"}
KEYS = {1: "company", 2: "lead_opt-in", 3: "strasse"}


def there() -> Account:
    """An account with three custom fields, a tag and a purchase."""
    sold = frozenset({("T-1", "ada@example.com")})
    return replace(account(), fields=(), labels=LABELS, keys=KEYS, tags={7: "VIP list"}, transactions=sold)


def new(table: str, rows: Sequence[dict[str, Any]]) -> list[Edit]:
    """Return new rows of a table, with ids of their own."""
    columns = ("email_address", "name", "label", "key", "state", "transaction_id", "currency")
    return [
        Edit(table, "insert", (-number,), {**dict.fromkeys(columns), "id": -number, **row})
        for number, row in enumerate(rows, 1)
    ]


def reasons(plan: Plan) -> list[str]:
    return [problem.reason for problem in plan.problems]


@pytest.mark.parametrize(
    "labels",
    [
        ("Shoe size", "Shoe size"),
        ("Shoe size", "  Shoe size "),
        ("Shoe size", "shoe SIZE"),
        ("Shoe size", "Shoe_size"),
        ("Shoe size", "Shoe - size!"),
        ("Café", "Cafe"),
        ("Größe", "größe"),
        ("Имя", " Имя "),
    ],
)
def test_new_labels_that_are_one_to_the_api_are_an_error_each(labels: tuple[str, str]) -> None:
    plan = diff(new("custom_fields", [{"label": label} for label in labels]), [], there())
    assert ([problem.key for problem in plan.problems], plan.actions) == ([(-1,), (-2,)], ())
    assert all(
        "several custom fields would have the label" in text or "would be the same custom field" in text
        for text in reasons(plan)
    )


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("Company", "there is already a custom field 'Company' (1)"),
        (" company ", "there is already a custom field 'Company' (1)"),
        ("COMPANY!", "there is already a custom field 'Company' (1)"),
        ("Lead opt in", "there is already a custom field 'Lead opt-in' (2)"),
        ("Strasse", "the custom field 'Straße' (3) already has the key of 'Strasse', strasse"),
    ],
)
def test_label_whose_key_is_taken_is_an_error(label: str, reason: str) -> None:
    assert reasons(diff(new("custom_fields", [{"label": label}]), [], there())) == [reason]
    cell = Cell("label", LABELS[1], label, LABELS[1])
    renamed = Edit("custom_fields", "update", (1,), {"id": 1}, (cell,), is_there=True)
    assert reasons(diff([renamed], [], there())) == ([] if "(1)" in reason else [reason])


def test_new_label_and_a_renamed_one_that_are_one_are_an_error_each() -> None:
    cell = Cell("label", "Company", "shoe-size", "Company")
    renamed = Edit("custom_fields", "update", (1,), {"id": 1}, (cell,), is_there=True)
    plan = diff([*new("custom_fields", [{"label": "Shoe size"}]), renamed], [], there())
    assert [problem.key for problem in plan.problems] == [(-1,), (1,)]


@pytest.mark.parametrize("labels", [("Имя", "Город"), ("Größe", "Gre"), ("Size 1", "Size 2")])
def test_labels_that_the_api_can_tell_apart_are_made(labels: tuple[str, str]) -> None:
    plan = diff(new("custom_fields", [{"label": label} for label in labels]), [], there())
    assert ([action.args["label"] for action in plan.actions], plan.problems) == ([*labels], ())


@pytest.mark.parametrize("names", [("new", "NEW"), ("a  b", " a b "), ("Ü", "ü")])
def test_new_tags_that_differ_by_case_and_blanks_alone_are_an_error_each(names: tuple[str, str]) -> None:
    plan = diff(new("tags", [{"name": name} for name in names]), [], there())
    assert [problem.key for problem in plan.problems] == [(-1,), (-2,)]


@pytest.mark.parametrize("name", ["VIP list", "vip list", " VIP  List"])
def test_tag_that_is_there_but_for_case_and_blanks_is_an_error(name: str) -> None:
    assert reasons(diff(new("tags", [{"name": name}]), [], there())) == [
        "there is already a tag 'VIP list' (7); use that one"
    ]


def test_two_people_with_one_address_are_an_error_each() -> None:
    plan = diff(new("subscribers", [{"email_address": a} for a in ("Neo@example.com", "neo@EXAMPLE.com")]), [], there())
    assert reasons(plan) == [
        "Neo@example.com is given to several people",
        "neo@EXAMPLE.com is given to several people",
    ]


def test_address_with_a_blank_is_no_address() -> None:
    assert reasons(diff(new("subscribers", [{"email_address": " neo@example.com"}]), [], there())) == [
        "' neo@example.com' is not an email address"
    ]


def test_one_transaction_twice_is_an_error_each() -> None:
    """Whoever the buyers are: whether the API creates a second purchase of it is undocumented."""
    row = {"transaction_id": "T-2", "currency": "USD"}
    sold = new("purchases", [{**row, "email_address": f"{name}@example.com"} for name in ("ada", "bob")])
    line = {"purchase_id": -1, "position": 1, "name": "Book"}
    lines = [Edit("purchase_products", "insert", (-n, 1), {**line, "purchase_id": -n}) for n in (1, 2)]
    assert reasons(diff([*sold, *lines], [], there())) == ["several new purchases have the transaction_id T-2"] * 2
