"""What of a walk had no usable answer: named, and asked for once more at its end. Pure, as walks are."""

from collections.abc import Collection

from cksync.domain import Miss

# So many are named; the rest is counted.
NAMED = 5


class Unread:
    """The requests of one walk that had no usable answer, by what they asked for: a page's number, a record's key.

    `in_row` counts them since the last answer.
    """

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}
        self._is_asked_again = False
        self.in_row = 0

    def __bool__(self) -> bool:
        return bool(self._reasons)

    @property
    def names(self) -> tuple[str, ...]:
        """What they asked for, in the order of asking."""
        return tuple(self._reasons)

    def miss(self, missed: Miss) -> None:
        """Take in that a request had no usable answer."""
        self.in_row += 1
        self._reasons[_name(missed)] = missed.reason

    def answered(self, name: str) -> None:
        """Take in that one had."""
        self.in_row = 0
        self._reasons.pop(name, None)

    def once_more(self) -> Collection[str]:
        """At the end of a walk, what to ask for again: all of it, once, if the endpoint has answered since."""
        if self.in_row or self._is_asked_again:
            return ()
        self._is_asked_again = bool(self._reasons)
        return self.names

    def doubt(self, what: str = "") -> str | None:
        """Why a walk is not complete, `what` being the word for one of what it asks for: `page`, `record`."""
        if not self._reasons:
            return None
        reason = next(iter(self._reasons.values()))
        if not what:
            return f"could not be read: {reason}"
        named = f"{what}{'s'[: len(self.names) > 1]} {', '.join(self.names[:NAMED])}"
        more = f" and {len(self.names) - NAMED:,} more" if len(self.names) > NAMED else ""
        return f"{named}{more} could not be read: {reason}"


def _name(missed: Miss) -> str:
    return missed.request.key or str(missed.request.page)
