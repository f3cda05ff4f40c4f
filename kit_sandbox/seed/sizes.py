"""The sizes of an account, and how a few large lists outgrow many small ones."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Sizes:
    """The sizes of an account; each may be given to `generate` as a keyword.

    `drafts` are the broadcasts never sent over the years; the newest six are always two drafts, two scheduled, one
    being sent and one aborted.
    """

    tags: int
    tag_memberships: int
    forms: int
    form_memberships: int
    sequences: int
    sequence_memberships: int
    broadcasts: int
    drafts: int
    purchases: int
    custom_fields: int


def sizes_for(subscribers: int, **given: int) -> Sizes:
    """Return the proportions of the reference account R50 (60 tags, 400 broadcasts ... at 50,000 people).

    Memberships and purchases grow with the people, the number of lists and broadcasts more slowly. Given numbers take
    precedence; TypeError for an unknown name.
    """
    share = subscribers / 50_000
    broadcasts = given.get("broadcasts", _scaled(400, share, 60))
    sizes = Sizes(
        tags=_scaled(60, share, 8),
        tag_memberships=6 * subscribers,
        forms=_scaled(30, share, 8),
        form_memberships=subscribers,
        sequences=_scaled(15, share, 3),
        sequence_memberships=subscribers * 6 // 5,
        broadcasts=broadcasts,
        drafts=broadcasts // 20,
        purchases=max(30, subscribers // 10),
        custom_fields=12,
    )
    return replace(sizes, **given)


def _scaled(count: int, share: float, least: int) -> int:
    """Scale a number; the least suffices to show every edge case."""
    return max(least, round(count * float(share**0.4)))


EDGES = (0, 1, 50, 100, 51)
"""Sizes at the borders of pages, which every account large enough has."""


def spread(total: int, parts: int, cap: int) -> list[int]:
    """Split a total into parts by Zipf's law, none above the cap, the sum exact; the largest first.

    With ten parts or more, some have sizes at the borders of pages. Raises ValueError if it cannot fit.
    """
    if total > parts * cap:
        raise ValueError(f"{total} memberships do not fit into {parts} lists of at most {cap} people")
    edges = [size for size in EDGES if size <= cap] if parts >= 10 and total >= 1_000 else []
    large = parts - len(edges)
    if total - sum(edges) > large * cap:
        edges, large = [], parts
    return sorted(_zipf(total - sum(edges), large, cap) + edges, reverse=True)


def _zipf(total: int, parts: int, cap: int) -> list[int]:
    weights = [1 / rank for rank in range(1, parts + 1)]
    whole = sum(weights)
    sizes = [min(cap, int(total * weight / whole)) for weight in weights]
    missing = total - sum(sizes)
    for index in range(parts):
        added = min(cap - sizes[index], missing)
        sizes[index] += added
        missing -= added
    return sizes
