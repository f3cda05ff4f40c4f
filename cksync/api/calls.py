"""What the writes of both versions of the API share: a call, described and handed to a function."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from cksync.api.http import Call
from cksync.api.responses import Expected
from cksync.versions import Version

Did = TypeVar("Did")

# Responses that are documented to have no body (204).
NOTHING = Expected()


class Calls(Generic[Did]):
    """Writes by name; each returns what `do` makes of its call."""

    _version: Version

    def __init__(self, do: Callable[[Call], Did]) -> None:
        self._do = do

    def _call(
        self,
        stream: str,
        method: str,
        path: str,
        body: Mapping[str, object],
        expected: Expected = NOTHING,
        *,
        is_repeatable: bool = True,
    ) -> Did:
        return self._do(Call(method, path, body, expected, is_repeatable, stream, self._version))
