"""Counts in sentences."""


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its noun, such as `1 request` or `2,000 requests`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
