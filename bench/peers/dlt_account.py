"""A whole account with dlt's `rest_api` source, written as its documentation recommends.

    python dlt_account.py BASE_URL API_SECRET FOLDER

Parquet load files, everything parallelized, children as dependent resources, all merged by id.
"""

import os
import sys
from pathlib import Path
from typing import Any

KINDS = ("tags", "forms", "sequences")
Resource = dict[str, Any]


def main(base_url: str, secret: str, folder: Path) -> None:
    """All streams into `mirror.duckdb`."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt
    from dlt.sources.rest_api import rest_api_source

    pipeline = dlt.pipeline(
        "account",
        destination=dlt.destinations.duckdb(str(folder / "mirror.duckdb")),
        dataset_name="main",
        pipelines_dir=str(folder / "pipelines"),
    )
    source = rest_api_source(config(base_url, secret), parallelized=True)
    pipeline.run(source, loader_file_format="parquet").raise_on_failed_jobs()


def config(base_url: str, secret: str) -> Any:
    """The source's declaration."""
    return {
        "client": {
            "base_url": base_url,
            "auth": {"type": "api_key", "name": "api_secret", "api_key": secret, "location": "query"},
            "paginator": {"type": "page_number", "base_page": 1, "total_path": "total_pages"},
        },
        "resource_defaults": {"primary_key": "id", "write_disposition": "merge"},
        "resources": [
            {"name": "account", "primary_key": "primary_email_address", "endpoint": unpaged("account", "$")},
            {"name": "custom_fields", "endpoint": unpaged("custom_fields")},
            {"name": "tags", "endpoint": unpaged("tags")},
            {"name": "forms", "endpoint": unpaged("forms")},
            {"name": "sequences", "endpoint": unpaged("sequences", "courses")},
            people("active", {}),
            people("cancelled", {"sort_field": "cancelled_at"}),
            *(members(kind) for kind in KINDS),
            *mailings(),
            {"name": "purchases", "endpoint": {"path": "purchases", "data_selector": "purchases"}},
        ],
    }


def unpaged(path: str, selector: str | None = None) -> Resource:
    """A list that comes in one answer."""
    return {"path": path, "data_selector": selector or path, "paginator": "single_page"}


def people(name: str, params: dict[str, str]) -> Resource:
    """One of the two lists of people; both go into one table."""
    endpoint = {"path": "subscribers", "params": params, "data_selector": "subscribers"}
    return {"name": f"subscribers_{name}", "table_name": "subscribers", "endpoint": endpoint}


def members(kind: str) -> Resource:
    """The memberships of every tag, form or sequence; all go into one table."""
    path = f"{kind}/{{resources.{kind}.id}}/subscriptions"
    return {
        "name": f"{kind}_subscriptions",
        "table_name": "subscriptions",
        "parallelized": True,
        "endpoint": {"path": path, "data_selector": "subscriptions"},
    }


def mailings() -> list[Resource]:
    """Broadcasts (a list without totals: an empty page ends it), and for each its detail and its stats."""
    pages = {"type": "page_number", "base_page": 1, "total_path": None, "stop_after_empty_page": True}
    listed = {"path": "broadcasts", "data_selector": "broadcasts", "paginator": pages}
    one = "broadcasts/{resources.broadcast_list.id}"
    return [
        {"name": "broadcast_list", "endpoint": listed},
        {"name": "broadcasts", "parallelized": True, "endpoint": unpaged(one, "broadcast")},
        {"name": "broadcast_stats", "parallelized": True, "endpoint": unpaged(f"{one}/stats", "broadcast")},
    ]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
