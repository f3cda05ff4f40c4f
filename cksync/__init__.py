"""cksync: an exact local mirror of a ConvertKit (Kit) account in DuckDB and Parquet.

The public API, loaded on first use so that `import cksync` stays cheap:

    from cksync import load_config, pull
    for event in pull(load_config()):
        print(event)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cksync.config import Config, load_config
    from cksync.errors import CksyncError
    from cksync.verbs.pull import pull

__all__ = ["CksyncError", "Config", "__version__", "load_config", "pull"]
__version__ = "0.1.0"

_HOMES = {
    "CksyncError": "cksync.errors",
    "Config": "cksync.config",
    "load_config": "cksync.config",
    "pull": "cksync.verbs.pull",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'cksync' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
