"""Address folding: Python and DuckDB agree on every letter."""

import duckdb
import pytest

from cksync.addresses import folded, folded_sql
from cksync.load.tables import casts

NFC, NFD = "caf\u00e9@example.com", "cafe\u0301@example.com"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada@Example.COM", " ada@example.com "),
        ("\u0130pek@example.com", "ipek@example.com"),
        ("\u0130pek@example.com", "i\u0307pek@example.com"),
        ("I\u0307pek@example.com", "\u0130PEK@example.com"),
        ("\u039f\u0394\u039f\u03a3@example.com", "\u03bf\u03b4\u03bf\u03c2@example.com"),
        ("\u039f\u0394\u039f\u03a3@example.com", "\u03bf\u03b4\u03bf\u03c3@example.com"),
        (NFC, NFD),
        (NFC.upper(), NFD),
    ],
)
def test_spellings_of_one_address_are_one(one: str, other: str) -> None:
    assert folded(one) == folded(other)
    assert duckdb.execute(f"select {folded_sql('$1')} = {folded_sql('$2')}", [one, other]).fetchone() == (True,)


@pytest.mark.parametrize("other", ["cafe@example.com", "caf\u00e8@example.com", "ca.fe@example.com"])
def test_other_addresses_stay_others(other: str) -> None:
    assert folded(other) != folded(NFC)


def test_python_and_sql_fold_every_letter_alike() -> None:
    """Of every script with upper and lower case; alone, and before a combining dot above."""
    letters = """
        select chr(number::integer) || after as text from range(32, 131072) as numbers(number),
            (values (''), (chr(775))) as afters(after)
        where number not between 55296 and 57343 and (after = '' or number < 12000)
    """
    with duckdb.connect() as db:
        db.execute(casts())
        rows = db.execute(f"select text, {folded_sql('text')}, as_address(text) from ({letters})").fetchall()
    assert [row for row in rows if {folded(row[0])} != {*row[1:]}] == []
