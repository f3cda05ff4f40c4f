"""One step of bench/big.py, in a process of its own so that its peak memory is correct.

    python -m bench.stages STEP FOLDER PEOPLE SEGMENT_PAGES

Prints the step's seconds, without those of starting Python.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import islice
from pathlib import Path

from bench.clock import START
from bench.sandbox import PAGE_ROWS
from cksync.api.v3.catalog import ask_page
from cksync.domain import ACTIVE, Attempt, Checkpoint, LoadEnd, Page, Proof, Record, Slice, members
from cksync.folder import Folder
from cksync.load.log import Start, Writer, load_id_at, load_ids
from cksync.load.publish import publish, rebuild
from kit_sandbox.seed.samples import COUNTRIES, DOMAINS, FIRST_NAMES, LAST_NAMES, PLANS

FIRST_PERSON, FIRST_SUBSCRIPTION = 412_000_000, 6_204_968_295
TAGS = 60
TAGS_OF_A_PERSON = 3
CHANGED_PEOPLE, NEW_SUBSCRIPTIONS = 600, 400
PAGE_TAKES = timedelta(seconds=0.5)


class Book:
    """A load, written page by page at the API's pace: without HTTP, exactly as a pull stores it."""

    def __init__(self, folder: Folder, day: int, segment_pages: int) -> None:
        folder.prepare()
        self.at = START + timedelta(days=day)
        start = Start(self.at, "owner@example.com")
        self.writer = Writer(folder.log, load_id_at(self.at), start, segment_pages)

    def read(self, slice_: Slice, records: Iterable[Record], *, is_complete: bool) -> None:
        """Read a slice from its first page on; a complete one is marked with the last."""
        began_at, rows = self.at, 0
        for number, page_records in enumerate(_pages(records), 1):
            self.at += PAGE_TAKES
            rows += len(page_records)
            request = ask_page(slice_, number)
            attempt = Attempt(self.at, request.path, f"page={number}", 200, 80, len(page_records), None)
            page = Page(request, self.at, self.at, self.at, (attempt,), page_records)
            self.writer.add(page, Checkpoint(slice_, began_at, began_at, number + 1, rows=rows))
        proof: Proof | None = "content" if is_complete else None
        done = Checkpoint(slice_, began_at, began_at, 1, rows=rows, is_done=True, is_complete=is_complete, proof=proof)
        self.writer.mark([done])

    def end(self) -> None:
        """End the load successfully."""
        self.writer.flush(LoadEnd(self.at, 0, "complete", is_finished=True))


def _pages(records: Iterable[Record]) -> Iterator[tuple[Record, ...]]:
    source = iter(records)
    while page := tuple(islice(source, PAGE_ROWS)):
        yield page


def person(number: int, company: str) -> str:
    """Return the JSON of a person with five custom fields."""
    mixed = _mix(number)
    first, last = FIRST_NAMES[mixed % len(FIRST_NAMES)], LAST_NAMES[mixed // 100 % len(LAST_NAMES)]
    plan = f'"{PLANS[mixed % 3]}"' if mixed % 2 else "null"
    return (
        f'{{"id":{_person_id(number)},"first_name":"{first}",'
        f'"email_address":"{first.lower()}.{last.lower()}.{mixed % 100_000}.{number}@{DOMAINS[mixed % 5]}",'
        f'"state":"active","created_at":"{_moment(number)}","fields":{{"last_name":"{last}",'
        f'"company":"{company}","country":"{COUNTRIES[mixed % 7]}","plan":{plan},"interest":null}}}}'
    )


def _mix(number: int) -> int:
    """Return a pseudo-random number, so that data compresses no better than in a real account."""
    return (number * 2_654_435_761 ^ number >> 3) % 2**32


def _moment(number: int) -> str:
    """Return a time within eight years."""
    mixed = _mix(number)
    date = f"{2018 + mixed % 8}-{mixed // 8 % 12 + 1:02d}-{mixed // 96 % 28 + 1:02d}"
    return f"{date}T{mixed // 2_688 % 24:02d}:{mixed // 64_512 % 60:02d}:{mixed // 3_870_720 % 60:02d}.000Z"


def subscription(number: int, tag: int, of: int) -> Record:
    """Return the membership of one person in one tag, with the whole person inside."""
    key = FIRST_SUBSCRIPTION + 3 * number
    text = (
        f'{{"id":{key},"state":"active","created_at":"{_moment(number)}","source":null,'
        f'"referrer":null,"subscribable_id":{tag},"subscribable_type":"tag","subscriber":{person(of, _company(of))}}}'
    )
    return Record(str(key), text.encode())


def _person_id(number: int) -> int:
    return FIRST_PERSON + 2 * number + _mix(number) % 2


def _company(number: int) -> str:
    return f"Company {number % 997}"


def _people(numbers: Iterable[int], suffix: str = "") -> Iterator[Record]:
    for number in numbers:
        yield Record(str(_person_id(number)), person(number, _company(number) + suffix).encode())


def _members(tag: int, people: int) -> Iterator[Record]:
    """Yield a twentieth of the people: each one is in three of the sixty tags."""
    share = TAGS // TAGS_OF_A_PERSON
    for place, of in enumerate(range(tag % share, people, share)):
        yield subscription(tag * people + place, tag, of)


# -- the steps


def write(folder: Folder, people: int, segment_pages: int) -> None:
    """Write the log of a first pull."""
    book = Book(folder, 0, segment_pages)
    book.read(ACTIVE, _people(range(people)), is_complete=True)
    for tag in range(TAGS):
        book.read(members("tag", str(tag)), _members(tag, people), is_complete=True)
    book.end()


def change(folder: Folder, people: int, segment_pages: int) -> None:
    """Write a night of 1,000 changed rows: people edited all over the list, and new memberships in a few tags."""
    night, step = len(load_ids(folder.log)), people // CHANGED_PEOPLE
    book = Book(folder, 30 + night, segment_pages)
    edited = range(0, CHANGED_PEOPLE * step, step)
    book.read(ACTIVE, _people(edited, f" {night}"), is_complete=False)
    for tag in range(20):
        each = NEW_SUBSCRIPTIONS // 20
        first = TAGS * people + (20 * night + tag) * each
        news = [subscription(first + n, tag, (tag + 1 + 20 * n) % people) for n in range(each)]
        book.read(members("tag", str(tag)), news, is_complete=False)
    book.end()


def copy(folder: Folder, people: int, segment_pages: int) -> None:
    """Copy the mirror, and sync it to disk."""
    target = folder.root / "copy"
    shutil.copyfile(folder.mirror, target)
    with open(target, "rb") as file:
        os.fsync(file.fileno())
    target.unlink()


STEPS: Mapping[str, Callable[[Folder, int, int], object]] = {
    "write": write,
    "rebuild": lambda folder, people, segment_pages: rebuild(folder),
    "change": change,
    "publish": lambda folder, people, segment_pages: publish(folder),
    "copy": copy,
}


def main(step: str, folder: Path, people: int, segment_pages: int) -> None:
    """Run the step and print its seconds."""
    began = time.perf_counter()
    STEPS[step](Folder(folder), people, segment_pages)
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
