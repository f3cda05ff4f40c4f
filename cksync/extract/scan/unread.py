"""The requests of a scan without a usable answer: named, and sent once more at its end. Pure, as all scans."""

from collections.abc import Collection

from cksync.domain import Miss

# How many are named; the rest are counted.
NAMED = 5


class Unread:
    """The requests of one scan without a usable answer, by page number or record key.

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
        """Return their pages or keys, in the order of requests."""
        return tuple(self._reasons)

    def miss(self, missed: Miss) -> None:
        """Note a request without a usable answer."""
        self.in_row += 1
        self._reasons[_name(missed)] = missed.reason

    def answered(self, name: str) -> None:
        """Note an answer."""
        self.in_row = 0
        self._reasons.pop(name, None)

    def once_more(self) -> Collection[str]:
        """Return what to request again at the end of a scan: everything, once, if the endpoint has answered since."""
        if self.in_row or self._is_asked_again:
            return ()
        self._is_asked_again = bool(self._reasons)
        return self.names

    def doubt(self, what: str = "") -> str | None:
        """Return why a scan is incomplete; `what` is the word for one unit, `page` or `record`."""
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
