"""A whole account with dlt's `rest_api` source, written as its documentation recommends.

    python dlt_account.py BASE_URL API_SECRET FOLDER

Parquet load files, everything parallelized, children as dependent resources, all merged by id.
"""

import sys
from pathlib import Path

from dlt_source import Resource, load, people

KINDS = ("tags", "forms", "sequences")


def everything() -> list[Resource]:
    """All streams."""
    return [
        {"name": "account", "primary_key": "primary_email_address", "endpoint": unpaged("account", "$")},
        {"name": "custom_fields", "endpoint": unpaged("custom_fields")},
        {"name": "tags", "endpoint": unpaged("tags")},
        {"name": "forms", "endpoint": unpaged("forms")},
        {"name": "sequences", "endpoint": unpaged("sequences", "courses")},
        *people(),
        *(members(kind) for kind in KINDS),
        *mailings(),
        {"name": "purchases", "endpoint": {"path": "purchases", "data_selector": "purchases"}},
    ]


def unpaged(path: str, selector: str | None = None) -> Resource:
    """Return a list without pages."""
    return {"path": path, "data_selector": selector or path, "paginator": "single_page"}


def members(kind: str) -> Resource:
    """Return the memberships of every tag, form or sequence; all go into one table."""
    path = f"{kind}/{{resources.{kind}.id}}/subscriptions"
    return {
        "name": f"{kind}_subscriptions",
        "table_name": "subscriptions",
        "parallelized": True,
        "endpoint": {"path": path, "data_selector": "subscriptions"},
    }


def mailings() -> list[Resource]:
    """Return broadcasts (a list without totals: an empty page ends it), and the detail and stats of each."""
    pages = {"type": "page_number", "base_page": 1, "total_path": None, "stop_after_empty_page": True}
    listed = {"path": "broadcasts", "data_selector": "broadcasts", "paginator": pages}
    one = "broadcasts/{resources.broadcast_list.id}"
    return [
        {"name": "broadcast_list", "endpoint": listed},
        {"name": "broadcasts", "parallelized": True, "endpoint": unpaged(one, "broadcast")},
        {"name": "broadcast_stats", "parallelized": True, "endpoint": unpaged(f"{one}/stats", "broadcast")},
    ]


if __name__ == "__main__":
    load("account", sys.argv[1], sys.argv[2], Path(sys.argv[3]), everything())
