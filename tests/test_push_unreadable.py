"""A push never plans on unreadable data: it is refused with a message, and nothing is written."""

import pytest

from cksync.errors import ApiUnavailable
from kit_sandbox import Sandbox, effects
from tests.conftest import some
from tests.support.workspace import Work, first, work, world

__all__ = ["first", "work", "world"]  # fixtures

NEW_PURCHASE = (
    "insert into purchases (transaction_id, email_address, currency, total, transaction_time)"
    " values ('T-1', 'neo@example.com', 'USD', 19.99, '2026-01-02 03:04:05+00')",
    "insert into purchase_products (purchase_id, position, name, sku, pid, lid, unit_price, quantity)"
    " select id, 1, 'Book', 's', 'p1', 'l1', 19.99, 1 from purchases where id < 0",
)
TAGGING = (
    "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
    " select 'tag', (select min(id) from tags), id from subscribers"
    " where state = 'active' and id not in (select subscriber_id from subscriptions"
    " where subscribable_type = 'tag' and subscribable_id = (select min(id) from tags)) limit 1",
)
RENAMING = (
    "update subscribers set first_name = 'Zed' where id in (select min(id) from subscribers where state = 'active')",
)
NEW_FIELD = ("insert into custom_fields (label, key) values ('Shoe size', 'shoe_size')",)
DRAFT = ("update broadcasts set subject = 'Another' where id = (select max(id) from broadcasts where send_at is null)",)

# Edits, and the path without which they must not be pushed.
NEEDED = {
    "a purchase": (NEW_PURCHASE, "/purchases"),
    "a tagging, by the list of tags": (TAGGING, "/tags"),
    "a tagging, by the tag's members": (TAGGING, "/tags/[0-9]+/subscriptions"),
    "a tagging, by people": (TAGGING, "/subscribers"),
    "a name": (RENAMING, "/subscribers"),
    "a field": (NEW_FIELD, "/custom_fields"),
    "a draft, by the list": (DRAFT, "/broadcasts"),
    "a draft, by its detail": (DRAFT, "/broadcasts/[0-9]+"),
}


@pytest.mark.heavy
@pytest.mark.parametrize("name", some([*NEEDED], ["a purchase"]))
def test_edits_of_what_cannot_be_read_are_not_pushed(name: str, work: Work, sandbox: Sandbox) -> None:
    edits, path = NEEDED[name]
    work.edit(*edits)
    sandbox.faults.add(effects.status(403), path=path, method="GET", count=None)
    with pytest.raises(
        ApiUnavailable, match=r"nothing was written, because the pull could not read what the plan changes \("
    ):
        work.push()
    assert sandbox.journal.writes() == []
    sandbox.faults.clear()
    assert work.push().exit_status == 0
    assert (len(sandbox.journal.writes()), work.plan().actions) == (1, ())


# Edits, and an unrelated path.
UNRELATED = {
    "a tagging without forms": (TAGGING, "/forms"),
    "a tagging without fields": (TAGGING, "/custom_fields"),
    "a name without one person": (RENAMING, "/subscribers/[0-9]+"),
}


@pytest.mark.heavy
@pytest.mark.parametrize("name", some([*UNRELATED], ["a tagging without forms"]))
def test_what_the_plan_does_not_touch_holds_no_push_up(name: str, work: Work, sandbox: Sandbox) -> None:
    edits, path = UNRELATED[name]
    work.edit(*edits)
    sandbox.faults.add(effects.status(403), path=path, method="GET", count=None)
    assert work.push().exit_status == 0
    assert len(sandbox.journal.writes()) == 1
