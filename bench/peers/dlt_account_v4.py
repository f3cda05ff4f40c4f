"""A whole account through API v4 with dlt's `rest_api` source, written as its documentation recommends.

    python dlt_account_v4.py BASE_URL ACCESS_TOKEN FOLDER

Parquet load files, pages of 1,000 rows, everything parallelized, children as dependent resources, all merged by key.
"""

import os
import sys
from pathlib import Path
from typing import Any

Resource = dict[str, Any]
PAGE = {"per_page": 1000}
LISTS = ("custom_fields", "tags", "sequences", "segments", "email_templates", "posts", "snippets", "webhooks")
PEOPLE = {"status": "all", "include": "attribution,location"}
CANCELLED = {"status": "cancelled", "include": "canceled_at"}


def everything() -> list[Resource]:
    """All streams that cksync reads, but for engagement and link clicks."""
    return [
        {"name": "account", "endpoint": {"path": "account", "data_selector": "account", "paginator": "single_page"}},
        *(listed(name) for name in LISTS),
        listed("forms", path="forms", params={"status": "active"}),
        listed("forms_archived", path="forms", params={"status": "archived"}, table="forms"),
        listed("subscribers", params=PEOPLE),
        listed("subscribers_cancelled", path="subscribers", params=CANCELLED),
        *(members(kind) for kind in ("tags", "forms", "forms_archived", "sequences")),
        listed("sequence_emails", path="sequences/{resources.sequences.id}/emails", rows="emails"),
        listed("broadcasts"),
        listed("broadcast_stats", path="broadcasts/stats", rows="broadcasts"),
        listed("purchases"),
    ]


def listed(
    name: str, *, path: str = "", rows: str = "", params: Resource | None = None, table: str | None = None
) -> Resource:
    """Return a list with pages."""
    path = path or name
    endpoint = {"path": path, "params": {**PAGE, **(params or {})}, "data_selector": rows or path}
    return {"name": name, "table_name": table or name, "endpoint": endpoint}


def members(kind: str) -> Resource:
    """Return the members of every tag, form or sequence."""
    parent = kind.removesuffix("_archived")
    path = f"{parent}/{{resources.{kind}.id}}/subscribers"
    return {
        "name": f"{kind}_subscribers",
        "primary_key": [f"_{kind}_id", "id"],
        "include_from_parent": ["id"],
        "parallelized": True,
        "endpoint": {"path": path, "params": {**PAGE, "status": "all"}, "data_selector": "subscribers"},
    }


def load(base_url: str, token: str, folder: Path) -> None:
    """Load everything into `mirror.duckdb`."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt
    from dlt.sources.rest_api import rest_api_source

    pipeline = dlt.pipeline(
        "account_v4",
        destination=dlt.destinations.duckdb(str(folder / "mirror.duckdb")),
        dataset_name="main",
        pipelines_dir=str(folder / "pipelines"),
    )
    config: Any = {
        "client": {
            "base_url": base_url + "/",
            "auth": {"type": "bearer", "token": token},
            "paginator": {
                "type": "cursor",
                "cursor_path": "pagination.end_cursor",
                "cursor_param": "after",
                "has_more_path": "pagination.has_next_page",
            },
        },
        "resource_defaults": {"primary_key": "id", "write_disposition": "merge"},
        "resources": everything(),
    }
    source = rest_api_source(config, parallelized=True)
    pipeline.run(source, loader_file_format="parquet").raise_on_failed_jobs()


if __name__ == "__main__":
    load(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
