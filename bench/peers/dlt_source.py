"""The shared part of both dlt pipelines: the connection, Parquet load files, everything parallelized and merged by
id."""

import os
from pathlib import Path
from typing import Any

Resource = dict[str, Any]


def load(name: str, base_url: str, secret: str, folder: Path, resources: list[Resource]) -> None:
    """Load resources of the API into `mirror.duckdb`."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt
    from dlt.sources.rest_api import rest_api_source

    pipeline = dlt.pipeline(
        name,
        destination=dlt.destinations.duckdb(str(folder / "mirror.duckdb")),
        dataset_name="main",
        pipelines_dir=str(folder / "pipelines"),
    )
    config: Any = {
        "client": {
            "base_url": base_url,
            "auth": {"type": "api_key", "name": "api_secret", "api_key": secret, "location": "query"},
            "paginator": {"type": "page_number", "base_page": 1, "total_path": "total_pages"},
        },
        "resource_defaults": {"primary_key": "id", "write_disposition": "merge"},
        "resources": resources,
    }
    source = rest_api_source(config, parallelized=True)
    pipeline.run(source, loader_file_format="parquet").raise_on_failed_jobs()


def people() -> list[Resource]:
    """Return the two lists of people; both go into one table."""
    lists: tuple[tuple[str, dict[str, str]], ...] = (("active", {}), ("cancelled", {"sort_field": "cancelled_at"}))
    return [
        {
            "name": f"subscribers_{name}",
            "table_name": "subscribers",
            "endpoint": {"path": "subscribers", "params": params, "data_selector": "subscribers"},
        }
        for name, params in lists
    ]
