"""Record a push: each outcome goes into the workspace's journal and into the mirror's log."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import duckdb
import msgspec

from cksync.api import WritingApi
from cksync.api.http import Call, Reply
from cksync.clock import Clock
from cksync.domain import Checkpoint, LoadEnd, Page, Request, Slice
from cksync.domain import Record as Shown
from cksync.errors import CksyncError
from cksync.extract.scan.full import FullScan
from cksync.folder import Folder
from cksync.load.log import LOSE_PAGES, PUSH, Start, Writer, load_id_at
from cksync.load.state import mirror_state
from cksync.versions import Version
from cksync.write import journal
from cksync.write.action import Action, Result, SeenRow, new_key
from cksync.write.reply import LATER

# An action, its request (None: not sent), the reply (None: the account was asked instead), and the outcome.
Done = tuple[Action, Call | None, Reply | None, Result]


@dataclass
class Record:
    """The record of one push. `results` are in order; `keys` are those of the custom fields it created, by placeholder;
    `unread` are the reasons why written rows could not be read back."""

    folder: Folder
    db: duckdb.DuckDBPyConnection
    now: Clock
    account: str
    results: list[tuple[Action, Result]] = field(default_factory=list)
    requests: int = 0
    keys: dict[str, str] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    version: Version = "v3"
    _writer: Writer | None = None

    @property
    def is_empty(self) -> bool:
        """Return True if nothing was written to the log."""
        return self._writer is None

    def observe(self, page: Page) -> None:
        """Log a page, like any other observation."""
        self.requests += len(page.attempts)
        self._log().observe(page)

    def add_attempts(self, error: CksyncError) -> None:
        """Log failed requests."""
        self.requests += len(error.attempts)
        self._log().add_attempts(error.attempts)

    def count(self, reply: Reply) -> None:
        """Log the requests of a reply whose outcomes are noted one by one."""
        self.requests += len(reply.attempts)
        self._log().add_attempts(reply.attempts)

    def observe_shown(self, shown: Sequence[SeenRow], path: str, reply: Reply) -> None:
        """Log what a bulk call shows, one page for each slice."""
        records: dict[Slice, list[Shown]] = {}
        absent: dict[Slice, list[int]] = {}
        for slice_, rows, gone in shown:
            records.setdefault(slice_, []).extend(rows)
            absent.setdefault(slice_, []).extend(gone)
        for slice_, found in records.items():
            page = Page(Request(slice_, path), reply.sent_at, reply.received_at, None, (), tuple(found))
            self._log().observe(page, absent[slice_])

    def read_list(self, api: WritingApi, slice_: Slice) -> Page:
        """Read an unpaged list as a pull does: an absent row counts as deleted, unless implausibly many are absent."""
        with mirror_state(self.folder) as mirror:
            held = mirror.held(slice_)
            deleted = {int(a.target) for a, _ in self.results if a.kind.is_removal and a.kind.about == slice_.stream}
            scan = FullScan(slice_, held=replace(held, keys=[key for key in held.keys if key not in deleted]))
            while request := scan.ask():
                page = api.fetch(request)
                scan.tell(page)
                self._log().add(page, scan.checkpoint)
                self.requests += len(page.attempts)
        if scan.checkpoint.doubt:
            self.unread.append(f"{slice_.name}: {scan.checkpoint.doubt}")
        return page

    def note(self, done: Sequence[Done]) -> list[tuple[Action, Result]]:
        """Write outcomes to the log, then to the journal: whatever the journal calls done is in the log."""
        if not done:
            return []
        at = self.now()
        settled = [(action, result) for action, _, _, result in done]
        for action, call, reply, result in done:
            if action.kind.makes == "custom_fields" and result.outcome == "done":
                self.keys[new_key(action.target)] = str(result.values["key"])
            self._note(action, call, reply, result, at)
        self._log().flush()
        journal.settle(self.db, settled, at)
        self.results += settled
        return settled

    def _note(self, action: Action, call: Call | None, reply: Reply | None, result: Result, at: datetime) -> None:
        writer = self._log()
        if call is not None and reply is not None:
            self.requests += len(reply.attempts)
            writer.add_attempts(reply.attempts)
            is_shown = result.outcome == "done" or action.kind.shows_person  # even if it is the wrong person
            is_seen = is_shown and reply.is_done and reply.status != LATER
            if is_seen and (seen := action.kind.observe(self.db, action, call, reply)):
                writer.observe(*seen)
        if result.outcome == "done" and action.kind.is_removal and call and not (reply and reply.is_done):
            asked = Reply(204, b"", at, at, ())  # the account was asked instead
            seen = action.kind.observe(self.db, action, call, asked)
            if seen is not None:
                writer.observe(*seen)
        if result.outcome == "done" and (ended := action.kind.ends(action)):
            proof = Checkpoint(ended, at, at, is_done=True, is_complete=True, is_gone=True, proof="content")
            writer.mark([proof])  # in one segment with the absence: a kill must not part them
        cells = [{"column": c.column, "from": c.base, "to": c.mine} for c in action.cells]
        said = {"action": action.id, "what": action.what, "target": action.target, "cells": cells}
        writer.note_push(at, msgspec.json.encode({**said, "outcome": result.outcome, "message": result.message}))

    def _log(self) -> Writer:
        """Return the writer of this load, created on first use."""
        if self._writer is None:
            at = self.now()
            self._writer = Writer(
                self.folder.log, load_id_at(at), Start(at, self.account, PUSH, version=self.version), LOSE_PAGES
            )
        return self._writer

    def end(self, exit_status: int, message: str) -> None:
        """Close the load."""
        self._log().flush(LoadEnd(self.now(), exit_status, message, is_finished=True))
