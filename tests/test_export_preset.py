"""The default sheets of a spreadsheet: what people use, without technical columns."""

from pathlib import Path

import openpyxl

from tests.conftest import Command


def test_the_default_sheets_are_those_that_people_use(cksync: Command, tmp_path: Path) -> None:
    cksync("pull")
    cksync("export", "account.xlsx")
    book = openpyxl.load_workbook(tmp_path / "account.xlsx", read_only=True)
    assert book.sheetnames == ["contents", "people", "purchases", "broadcasts"]
    contents = [row[:2] for row in book["contents"].iter_rows(min_row=2, values_only=True)]
    assert contents == [(name, sum(1 for _ in book[str(name)].rows) - 1) for name, _ in contents]
    heads = {name: [cell.value for cell in next(book[name].rows)] for name in book.sheetnames}
    assert not [head for row in heads.values() for head in row if str(head).startswith("_")]
    assert "Company" in heads["people"]
    totals = [
        row[heads["purchases"].index("total")] for row in book["purchases"].iter_rows(min_row=2, values_only=True)
    ]
    assert totals
    texts = [total for total in totals if isinstance(total, str)]
    assert [text for text in texts if len(text.replace(".", "").strip("0")) <= 15] == []  # Excel holds 15 digits
    assert len(texts) < len(totals)
    cksync("export", "csv/", "--to", "csv")
    assert {path.stem for path in (tmp_path / "csv").glob("*.csv")} == set(book.sheetnames)
