"""The mails of sequences."""

from typing import Any

from ..details.sequences import email_stats, emails
from ..extras import SequenceEmail
from ..messages import Answer, Request, as_json
from ..routes import id_of
from ..world import World
from . import asked, shapes
from .cursors import by_pair
from .members import parent_of
from .refusals import not_found
from .view import View, listed

_BY_POSITION = by_pair(lambda row: (row.position, row.id), is_ascending=True)


def sequence_emails(view: View, request: Request, sequence_id: str) -> Answer:
    """The mails of a sequence in the order of their sending; content only where it is asked for."""
    row, include = parent_of(view.current, "sequence", sequence_id), asked.includes(request, ("stats",))
    with_content = asked.is_on(request.params, "include_content")

    def shape(email: SequenceEmail) -> dict[str, Any]:
        return shown_email(view.world, email, with_content, include)

    return listed(view, request, "emails", emails(view.world, row.id), _BY_POSITION, shape)


def sequence_email(view: View, request: Request, sequence_id: str, email_id: str) -> Answer:
    """One mail, always with its content."""
    row, include = parent_of(view.current, "sequence", sequence_id), asked.includes(request, ("stats",))
    email = view.current.extras.sequence_emails.get(id_of(email_id))
    if email is None or email.sequence_id != row.id:
        raise not_found()
    return as_json({"email": shown_email(view.current, email, True, include)})


def shown_email(world: World, email: SequenceEmail, with_content: bool, include: frozenset[str]) -> dict[str, Any]:
    shown = shapes.sequence_email(email, with_content)
    return {**shown, "stats": email_stats(world, email)} if "stats" in include else shown
