"""The end of a load: verdicts on its slices, in the log, in the mirror and in the report."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from cksync.domain import BY_ID, BY_ID_V4, PARENTS, SINGLE, Checkpoint, LoadEnd, members, parent_of
from cksync.errors import CksyncError
from cksync.extract.streams import streams_of
from cksync.load.compact import compact
from cksync.load.log import Writer
from cksync.load.publish import together
from cksync.pipeline.events import PullReport, Verdict
from cksync.pipeline.publishing import publish
from cksync.pipeline.run import Run


def close(run: Run, before: Mapping[str, Verdict], *, is_time_up: bool) -> Mapping[str, Verdict]:
    """Close the load in the log, and return the verdict on each slice. `before` contains those of the load that this
    one brings up to date."""
    checkpoints = {name: scan.checkpoint for name, scan in run.progress.scans.items() if name not in run.carried}
    checkpoints |= {c.slice.name: c for c in (*_ended_memberships(run), *_clear_lookup_backlog(run))}
    run.progress.writer.mark(checkpoints.values())
    verdicts = dict(before)
    for name, checkpoint in checkpoints.items():
        if checkpoint.is_gone:
            verdicts.pop(name, None)
        else:
            verdicts[name] = _up_to_date(before.get(name), _verdict(checkpoint))
    doubts = [verdict for verdict in verdicts.values() if not verdict.is_complete]
    # A pull of some streams must not close a round in which others remain to be read.
    run.is_finished = not is_time_up and (not run.progress.loads or "subscribers" in run.context.streams)
    message = "out of time; the next pull continues" if is_time_up else _message(doubts)
    run.progress.writer.flush(LoadEnd(run.now(), 3 if doubts or is_time_up else 0, message, run.is_finished))
    return verdicts


def _up_to_date(before: Verdict | None, now: Verdict) -> Verdict:
    """The verdict on a slice that was brought up to date after a full scan: every row of it was read."""
    was_read = before is not None and before.is_complete and before.proof == "content"
    return replace(now, proof="content") if was_read and now.is_complete else now


def finish(run: Run, verdicts: Mapping[str, Verdict], began_at: datetime, *, is_time_up: bool) -> PullReport:
    """Publish a closed load, and report on the pull that began at `began_at`."""
    doubts = [verdict for verdict in verdicts.values() if not verdict.is_complete]
    exit_status = 3 if doubts or is_time_up else 0
    message = "out of time; the next pull continues" if is_time_up else _message(doubts)
    run.forget()
    try:
        run.published.append(publish(run.config, run.folder, analyze=run.analyze))
    except CksyncError as error:
        run.progress.writer.flush(LoadEnd(run.now(), error.exit_status, str(error), is_finished=False))
        raise
    published = together(run.published)
    if run.context.streams == set(
        streams_of(run.context.version)
    ):  # a pull of some lists should be quick; the next full one compacts the log
        compact(run.folder.log, but=run.progress.writer.load_id)
    late = published.merged.doubts
    judged = tuple(
        replace(v, is_complete=False, doubt=late[v.slice]) if v.slice in late else v for v in verdicts.values()
    )
    if late:
        exit_status, message = 3, _message([verdict for verdict in judged if not verdict.is_complete])
    return PullReport(
        load_id=run.progress.writer.load_id,
        account=run.account,
        exit_status=exit_status,
        message=message,
        requests=run.progress.requests,
        planned=run.planned,
        seconds=(run.now() - began_at).total_seconds(),
        published=published,
        verdicts=judged,
        since=run.since,
        version=run.context.version,
    )


def _verdict(checkpoint: Checkpoint) -> Verdict:
    slice_ = checkpoint.slice
    doubt = None if checkpoint.is_complete else checkpoint.doubt or "not read to the end"
    return Verdict(
        slice=slice_.name,
        stream=slice_.stream,
        is_complete=checkpoint.is_complete,
        rows=checkpoint.rows,
        total=checkpoint.total,
        doubt=doubt,
        proof=checkpoint.proof,
        unread=checkpoint.unread,
    )


def _message(doubts: Sequence[Verdict]) -> str:
    if not doubts:
        return "complete"
    named = "; ".join(f"{verdict.slice}: {verdict.doubt}" for verdict in doubts[:5])
    more = f"; and {len(doubts) - 5} more" if len(doubts) > 5 else ""
    return f"incomplete: {named}{more}"


def _ended_memberships(run: Run) -> Iterator[Checkpoint]:
    """Checkpoints for the lists of deleted forms, sequences and tags, whose memberships are deleted with them."""
    if run.context.version != "v3":  # its scans note them
        return
    for parent, stream in PARENTS.items():
        scan = run.progress.scans.get(stream)
        if scan is None or not scan.checkpoint.is_complete:
            continue
        for name in run.context.state.membership_slices():
            kind, key = parent_of(name) or ("", "")
            if kind == parent and key not in scan.keys:
                at = run.now()
                yield Checkpoint(
                    members(kind, key), at, at, is_done=True, is_complete=True, is_gone=True, proof="content"
                )


def _clear_lookup_backlog(run: Run) -> Iterator[Checkpoint]:
    """Mark slices of single records complete if this pull needed no lookups: nothing missed earlier is missing now."""
    for slice_ in (slice_ for slice_ in SINGLE if slice_.version == run.context.version):
        cursor = run.context.state.cursors.get(slice_.name)
        is_open = cursor is not None and (
            slice_ in (BY_ID, BY_ID_V4) or not cursor.is_complete
        )  # all lookups by id were made
        if slice_.stream in run.context.streams and is_open and slice_.name not in run.progress.scans:
            at = run.context.began_at
            yield Checkpoint(slice_, at, at, is_done=True, is_complete=True, proof="content")


def fail(writer: Writer, at: datetime, error: CksyncError) -> None:
    """Close a failed load: its requests and error are kept, and its round stays open."""
    writer.add_attempts(error.attempts)
    writer.flush(LoadEnd(at, error.exit_status, str(error), is_finished=False))
