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
    from cksync.verbs.kit import Kit, connect
    from cksync.verbs.pull import pull
    from cksync.verbs.push import push

__all__ = ["CksyncError", "Config", "Kit", "__version__", "connect", "load_config", "pull", "push"]
__version__ = "0.1.0"

_HOMES = {
    "CksyncError": "cksync.errors",
    "Config": "cksync.config",
    "Kit": "cksync.verbs.kit",
    "connect": "cksync.verbs.kit",
    "load_config": "cksync.config",
    "pull": "cksync.verbs.pull",
    "push": "cksync.verbs.push",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'cksync' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
