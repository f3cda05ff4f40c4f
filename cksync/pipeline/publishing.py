"""Publish: the log -> the tables of the mirror -> the models, and the data checks."""

import functools

from cksync.analyze.models import build
from cksync.config import Config
from cksync.domain import OnStep, unseen
from cksync.folder import Folder
from cksync.load import publish as load
from cksync.load.publish import Analyze, Published
from cksync.load.tables import tables


def publish(config: Config, folder: Folder, *, analyze: bool = True) -> Published:
    """Publish new log entries to the mirror of a folder. Raises Failed as load.publish does.

    Without `analyze` the models are not rebuilt, because another publish follows soon.
    """
    return load.publish(folder, _analyze(config) if analyze else None)


def rebuild(config: Config, folder: Folder, on_step: OnStep = unseen) -> Published:
    """Rebuild the mirror of a folder from its log."""
    return load.rebuild(folder, _analyze(config, on_step), on_step=on_step)


def _analyze(config: Config, on_step: OnStep = unseen) -> Analyze:
    names = [table.name for table in tables()]
    return functools.partial(build, settings=config.models, tables=names, on_step=on_step)
