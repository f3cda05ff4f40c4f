"""Send the same request again and again as fast as the shared budget allows: a process of bench/throttle.py.

python -m bench.asker CONFIG REQUESTS
"""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cksync.api import Api, connect, credentials
from cksync.api.v3.catalog import ask_page
from cksync.clock import wall_clock
from cksync.config import load_config
from cksync.domain import whole
from cksync.folder import Folder


def main(config_file: Path, requests: int) -> None:
    """Use the product's own client, with as many threads as a pull has."""
    config = load_config(config_file)
    given, redactor = credentials(config, os.environ)
    Folder(config.data_dir).state.mkdir(parents=True, exist_ok=True)
    with (
        connect(config, given, redactor, wall_clock, threading.Event()) as api,
        ThreadPoolExecutor(config.api.concurrency) as pool,
    ):
        list(pool.map(lambda _: ask(api), range(requests)))


def ask(api: Api) -> None:
    """Send one request that costs the sandbox next to nothing."""
    api.fetch(ask_page(whole("account"), 1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
