"""Chance that depends on names alone: the same seed and ids always draw the same."""

from random import Random

_MASK = 0xFFFF_FFFF


def random_of(seed: int, what: str, record_id: int) -> Random:
    """A generator of its own for one property of one record."""
    return Random(f"{seed} {what} {record_id}")


def mixed(one: int, other: int) -> int:
    """32 bits that two ids have in common; for pairs of person and mail, of which there are too many for a Random."""
    value = (one * 0x9E37_79B1 ^ other * 0x85EB_CA77) & _MASK
    value = ((value ^ value >> 15) * 0x2C1B_3C6D) & _MASK
    value = ((value ^ value >> 12) * 0x297A_2D39) & _MASK
    return value ^ value >> 15
