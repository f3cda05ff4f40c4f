"""The two lists of people with dlt's `rest_api` source, written as its documentation recommends.

    python dlt_subscribers.py BASE_URL API_SECRET FOLDER

Parquet load files, page numbers with a total, both lists parallelized, merged by id into one table.
"""

import sys
from pathlib import Path

from dlt_source import load, people

if __name__ == "__main__":
    load("people", sys.argv[1], sys.argv[2], Path(sys.argv[3]), people())
