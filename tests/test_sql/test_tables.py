"""Records of the API in, rows of the mirror out: a pair of files per table.

    tags.json            slice -> the records seen in it, as the API sends them
    tags.expected.json   the rows: values as text (JSON as it is stored), without null columns

Each slice is one page, a minute after the one before. `CKSYNC_WRITE_EXPECTED=1 pytest tests/test_sql` writes
the actual rows, to be reviewed before use.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cksync.domain import V4, Record, Slice
from cksync.load.tables import tables
from tests.support.log_builder import LogBuilder, at
from tests.support.memory_mirror import MemoryMirror

HERE = Path(__file__).parent
NAMES = [table.name for table in tables()]

Making = Callable[[], MemoryMirror]


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Making]:
    with ExitStack() as stack:
        names = [table.name for table in tables()]
        yield lambda: stack.enter_context(closing(MemoryMirror(LogBuilder(tmp_path / "data"), *names)))


def given(text: bytes, key: str) -> Record:
    """Return a record as written in the file, with the key that a reader of it finds."""
    fields = json.loads(text)
    found = fields.get(key) if isinstance(fields, dict) else None
    return Record(None if found is None else str(found), text)


def pages_of(path: Path) -> list[tuple[Slice, list[Record]]]:
    """Return the observations of a file, slice by slice."""
    pages = msgspec.json.decode(path.read_bytes(), type=dict[str, list[msgspec.Raw]])
    slices = [Slice(re.split("[/?]", name.removeprefix(V4))[0], name) for name in pages]
    keys = {"account": "primary_email_address"}
    return [
        (slice_, [given(bytes(raw), keys.get(slice_.stream, "id")) for raw in pages[slice_.name]]) for slice_ in slices
    ]


def load(mirror: MemoryMirror, path: Path) -> None:
    """Merge the observations of a file."""
    for minute, (slice_, records) in enumerate(pages_of(path), 1):
        mirror.see(slice_, minute, *records)
    mirror.merge()


def plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value) if isinstance(value, Decimal) else value


def rows(mirror: MemoryMirror, name: str) -> list[dict[str, Any]]:
    cursor = mirror.db.execute(f'select * from main."{name}" order by all')
    columns = [column[0] for column in cursor.description or ()]
    found = [dict(zip(columns, map(plain, row), strict=True)) for row in cursor.fetchall()]
    return [
        {
            name: value
            for name, value in row.items()
            if value is not None and name not in ("_first_seen_at", "_synced_at")
        }
        for row in found
    ]


@pytest.mark.parametrize("name", NAMES)
def test_records_become_the_expected_rows_of(name: str, mirror: Making) -> None:
    made = mirror()
    load(made, HERE / f"{name}.json")
    found, path = rows(made, name), HERE / f"{name}.expected.json"
    if os.environ.get("CKSYNC_WRITE_EXPECTED"):
        path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    assert found == json.loads(path.read_text())


# The columns that users rely on: key, then columns in their order; a column without a type is VARCHAR.
COLUMNS = {
    "account": "primary_email_address | name, plan_type, primary_email_address, id BIGINT, timezone, created_at TIME,"
    " plan JSON, sending_addresses JSON",
    "subscribers": "id | id BIGINT, email_address, first_name, state, created_at TIME, fields JSON, canceled_at TIME,"
    " attribution_referrer, attribution_utm_source, attribution_utm_medium, attribution_utm_campaign,"
    " attribution_utm_term, attribution_utm_content, attribution_source_type, attribution_source_name,"
    " attribution_source_mechanism, attribution_source_mechanism_id, location_city, location_state, location_country,"
    " location_latitude DOUBLE, location_longitude DOUBLE, location_timezone",
    "custom_fields": "id | id BIGINT, name, key, label",
    "forms": "id | id BIGINT, uid, name, type, format, archived BOOLEAN, title, description, sign_up_button_text,"
    " success_message, url, embed_js, embed_url, created_at TIME",
    "sequences": "id | id BIGINT, name, hold BOOLEAN, repeat BOOLEAN, created_at TIME, updated_at TIME, email_address,"
    " email_template_id BIGINT, send_days JSON, send_hour BIGINT, time_zone, active BOOLEAN,"
    " exclude_subscriber_sources JSON",
    "sequence_emails": "id | id BIGINT, sequence_id BIGINT, subject, preview_text, content, email_address,"
    " email_template_id BIGINT, published BOOLEAN, position BIGINT, delay_value BIGINT, delay_unit, send_days JSON",
    "sequence_email_stats": "email_id | email_id BIGINT, sequence_id BIGINT, recipients BIGINT, opens BIGINT,"
    " clicks BIGINT, email_unsubscribes BIGINT, bounces BIGINT, complaints BIGINT, open_rate DOUBLE,"
    " click_rate DOUBLE, click_to_open_rate DOUBLE, unsubscribe_rate DOUBLE, bounce_rate DOUBLE, complaint_rate DOUBLE",
    "tags": "id | id BIGINT, name, created_at TIME",
    "subscriptions": "subscribable_type, subscribable_id, subscriber_id | id BIGINT, subscribable_type,"
    " subscribable_id BIGINT, subscriber_id BIGINT, state, source, referrer, created_at TIME, utm_source, utm_medium,"
    " utm_campaign, utm_term, utm_content",
    "broadcasts": "id | id BIGINT, subject, description, content, public BOOLEAN, email_address,"
    " email_layout_template, thumbnail_alt, thumbnail_url, created_at TIME, published_at TIME, send_at TIME,"
    " publication_id BIGINT, status, preview_text, public_url, email_template_id BIGINT, subscriber_filter JSON",
    "broadcast_stats": "broadcast_id | broadcast_id BIGINT, recipients BIGINT, open_rate DOUBLE, click_rate DOUBLE,"
    " unsubscribes BIGINT, total_clicks BIGINT, show_total_clicks BOOLEAN, status, progress DOUBLE,"
    " open_tracking_disabled BOOLEAN, click_tracking_disabled BOOLEAN, emails_opened BIGINT, unsubscribe_rate DOUBLE",
    "broadcast_links": "broadcast_id, id | broadcast_id BIGINT, id BIGINT, url, unique_clicks BIGINT,"
    " click_to_delivery_rate DOUBLE, click_to_open_rate DOUBLE",
    "subscriber_stats": "subscriber_id | subscriber_id BIGINT, sent BIGINT, opened BIGINT, clicked BIGINT,"
    " bounced BIGINT, open_rate DOUBLE, click_rate DOUBLE, last_sent TIME, last_opened TIME, last_clicked TIME,"
    " sends_since_last_open BIGINT, sends_since_last_click BIGINT, window_days BIGINT",
    "segments": "id | id BIGINT, name, created_at TIME",
    "email_templates": "id | id BIGINT, name, is_default BOOLEAN, category",
    "posts": "id | id BIGINT, publication_id BIGINT, title, slug, description, meta_description, thumbnail_alt,"
    " thumbnail_url, status, published_at TIME, sent_at TIME, is_paid BOOLEAN, public_url, product_id BIGINT, content,"
    " created_at TIME",
    "snippets": "id | id BIGINT, name, snippet_type, archived BOOLEAN, key, content, created_at TIME, updated_at TIME",
    "webhooks": "id | id BIGINT, account_id BIGINT, event JSON, target_url",
    "purchases": "id | id BIGINT, transaction_id, status, email_address, subscriber_id BIGINT, currency,"
    " transaction_time TIME, subtotal MONEY, tax MONEY, shipping MONEY, discount MONEY, total MONEY, source",
    "purchase_products": "purchase_id, position | purchase_id BIGINT, position BIGINT, name, sku, pid, lid,"
    " unit_price MONEY, quantity BIGINT",
}
TYPES = {"TIME": "TIMESTAMP WITH TIME ZONE", "MONEY": "DECIMAL(18,4)"}
SYSTEM = [("_first_seen_at", TYPES["TIME"]), ("_synced_at", TYPES["TIME"]), ("_extra", "JSON")]
VERSION = [("valid_from", TYPES["TIME"]), ("valid_to", TYPES["TIME"]), ("change", "VARCHAR")]


def promised(name: str) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    """Return the key and the columns with their types promised for a table."""
    key, _, columns = COLUMNS[name].partition(" | ")
    pairs = [column.split(" ") for column in columns.split(", ")]
    typed = [(pair[0], TYPES.get(pair[1], pair[1]) if len(pair) == 2 else "VARCHAR") for pair in pairs]
    return tuple(key.split(", ")), typed


def test_tables_are_those_that_are_promised() -> None:
    assert {table.name for table in tables()} == COLUMNS.keys()


def test_columns_types_and_order_are_those_that_are_promised(mirror: Making) -> None:
    made = mirror()
    for table in tables():
        key, columns = promised(table.name)
        assert table.key == key
        for schema, more in (("main", SYSTEM), ("history", [*SYSTEM, *VERSION])):
            described = made.rows(f"describe {schema}.{table.name}")
            assert [(name, kind) for name, kind, *_ in described] == [*columns, *more], f"{schema}.{table.name}"


def test_types_do_not_depend_on_what_was_seen(mirror: Making) -> None:
    """`_extra` of a record without unknown keys is null, and null has no type of its own."""
    made = mirror()
    for name in ("purchases", "broadcast_stats"):
        load(made, HERE / f"{name}.json")
        assert made.rows(f"select distinct typeof(_extra) from {name}") == [("JSON",)]


def test_every_row_of_every_table_was_first_seen_when_its_page_was_asked_for(mirror: Making) -> None:
    made = mirror()
    load(made, HERE / "subscribers.json")
    seen = made.rows("select id, _first_seen_at, _synced_at from subscribers where id in (1, 4, 21) order by id")
    assert seen == [(1, at(1), at(1)), (4, at(1), at(2)), (21, at(3), at(3))]


@pytest.mark.heavy
def test_same_records_again_change_nothing(mirror: Making) -> None:
    """However odd they are: otherwise every night would write them again."""
    made = mirror()
    for number, name in enumerate(["tags", "subscribers", "subscriptions", "broadcast_stats", "purchase_products"]):
        pages = pages_of(HERE / f"{name}.json")
        for minutes, (slice_, records) in enumerate([*pages, pages[-1]], 100 * number):
            made.see(slice_, minutes, *records)
            done = made.merge()
        assert [change for change in done.values() if change.inserted or change.updated] == [], name


def test_unreadable_values_are_counted_once_a_record(mirror: Making) -> None:
    """One is in a column, one under a name of its own: only the first counts as unread."""
    made = mirror()
    made.see(Slice("tags", "tags"), 1, '{"id": 1, "name": "a", "created_at": "2014-02-29", "more": 1}')
    assert made.merge()["tags"].unread == 1


def test_order_of_unknown_fields_is_no_difference(mirror: Making) -> None:
    made = mirror()
    made.see(Slice("tags", "tags"), 1, '{"id": 1, "b": 1, "a": 2, "c": null, "name": "x"}')
    made.merge()
    made.see(Slice("tags", "tags"), 2, '{"c": null, "name": "x", "a": 2, "id": 1, "b": 1}')
    assert made.merge()["tags"].updated == 0
