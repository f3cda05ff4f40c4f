"""Custom field values, one per row, whatever their keys: records in, expected rows out (see ../test_tables.py)."""

import json
from contextlib import closing
from pathlib import Path

from cksync.analyze.models import build
from cksync.config import ModelsConfig
from cksync.load.tables import tables
from tests.support.log_builder import LogBuilder
from tests.support.memory_mirror import MemoryMirror
from tests.test_sql.test_tables import load, rows

HERE = Path(__file__).parent


def test_records_become_the_expected_rows_of_subscriber_fields(tmp_path: Path) -> None:
    names = [table.name for table in tables()]
    with closing(MemoryMirror(LogBuilder(tmp_path / "data"), *names)) as mirror:
        load(mirror, HERE / "subscriber_fields.json")
        assert build(mirror.db, ModelsConfig(), names).complaints == ()
        assert rows(mirror, "subscriber_fields") == json.loads((HERE / "subscriber_fields.expected.json").read_text())
