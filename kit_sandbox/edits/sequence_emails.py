"""Edits of sequences and their mails, as v4 knows them."""

from ..extras import SequenceEmail
from ..records import Json
from ..world import World
from .registry import edit


@edit
def add_sequence_email(world: World, /, sequence_id: int, subject: str, **details: Json) -> int:
    """A mail at the end of the sequence, unless `position` says otherwise; further columns as keywords."""
    if sequence_id not in world.parents["sequence"]:
        raise KeyError(sequence_id)
    email_id = world.extras.next_id("sequence_email")
    positions = [each.position for each in world.extras.sequence_emails.values() if each.sequence_id == sequence_id]
    usual = {"position": max(positions, default=-1) + 1, **details}
    world.extras.sequence_emails[email_id] = SequenceEmail(email_id, sequence_id, subject, **usual)
    _touch(world, sequence_id)
    return email_id


@edit
def edit_sequence_email(world: World, /, email_id: int, **changes: Json) -> None:
    """Changes any of its columns, and the time of the sequence."""
    row = world.extras.sequence_emails[email_id]._replace(**changes)
    world.extras.sequence_emails[email_id] = row
    _touch(world, row.sequence_id)


@edit
def delete_sequence_email(world: World, /, email_id: int) -> None:
    _touch(world, world.extras.sequence_emails.pop(email_id).sequence_id)


@edit
def set_sequence_email_stats(world: World, /, email_id: int, **counts: Json) -> None:
    """Sets single figures (recipients, opens ...); nothing else tells that they changed."""
    known = world.extras.sequence_email_stats.get(email_id, {})
    world.extras.sequence_email_stats[world.extras.sequence_emails[email_id].id] = {**known, **counts}


@edit
def edit_sequence(world: World, /, sequence_id: int, **changes: Json) -> None:
    """Changes when it sends, from whom, to whom not, or whether it is active."""
    row = world.parents["sequence"][sequence_id]
    shared: dict[str, Json] = {key: value for key, value in changes.items() if key in ("hold", "repeat")}
    world.parents["sequence"][row.id] = row._replace(details={**row.details, **shared})
    world.extras.sequences[row.id] = {**world.extras.sequences.get(row.id, {}), **changes}
    _touch(world, sequence_id)


def _touch(world: World, sequence_id: int) -> None:
    world.extras.sequence_updated_ms[sequence_id] = world.ms()
