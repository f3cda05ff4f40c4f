"""The two lists of people with dlt's `rest_api` source, written as its documentation recommends.

    python dlt_subscribers.py BASE_URL API_SECRET FOLDER

Parquet load files, page numbers with a total, both lists parallelized, merged by id into one table.
"""

import os
import sys
from pathlib import Path
from typing import Any

LISTS: tuple[tuple[str, dict[str, str]], ...] = (("active", {}), ("cancelled", {"sort_field": "cancelled_at"}))


def main(base_url: str, secret: str, folder: Path) -> None:
    """Both lists into `mirror.duckdb`."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt
    from dlt.sources.rest_api import rest_api_source

    pipeline = dlt.pipeline(
        "people",
        destination=dlt.destinations.duckdb(str(folder / "mirror.duckdb")),
        dataset_name="main",
        pipelines_dir=str(folder / "pipelines"),
    )
    source = rest_api_source(config(base_url, secret), parallelized=True)
    pipeline.run(source, loader_file_format="parquet").raise_on_failed_jobs()


def config(base_url: str, secret: str) -> Any:
    """The source's declaration: two lists of one table."""
    return {
        "client": {
            "base_url": base_url,
            "auth": {"type": "api_key", "name": "api_secret", "api_key": secret, "location": "query"},
            "paginator": {"type": "page_number", "base_page": 1, "total_path": "total_pages"},
        },
        "resource_defaults": {"primary_key": "id", "write_disposition": "merge"},
        "resources": [
            {
                "name": f"subscribers_{name}",
                "table_name": "subscribers",
                "endpoint": {"path": "subscribers", "params": params, "data_selector": "subscribers"},
            }
            for name, params in LISTS
        ],
    }


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
