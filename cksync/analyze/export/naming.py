"""Make names fit: no longer than a format allows, and unique."""

from collections.abc import Collection, Sequence
from itertools import chain, count
from typing import Literal

# What a format counts: bytes of UTF-8, or units of UTF-16 (an emoji has two).
Encoding = Literal["utf-8", "utf-16-le"]
_BYTES = {"utf-8": 1, "utf-16-le": 2}


def length(text: str, encoding: Encoding) -> int:
    """Return the length of a text as a format counts it."""
    return len(text.encode(encoding)) // _BYTES[encoding]


def cut(text: str, limit: int, encoding: Encoding) -> str:
    """Return the beginning of a text, at most `limit` long, without splitting a character."""
    return text.encode(encoding)[: limit * _BYTES[encoding]].decode(encoding, errors="ignore")


def fitting(names: Sequence[str], limit: int, encoding: Encoding, reserved: Collection[str] = ()) -> list[str]:
    """Shorten names to `limit`; a name that equals an earlier or reserved one, ignoring case, gets a number."""
    found: list[str] = []
    taken = {name.casefold() for name in reserved}
    for name in names:
        ends = chain([""], (f"_{number}" for number in count(2)))
        tries = (cut(name, limit - len(end), encoding) + end for end in ends)
        fit = next(each for each in tries if each.casefold() not in taken)
        taken.add(fit.casefold())
        found.append(fit)
    return found
