"""Names and texts as SQL writes them."""

from collections.abc import Sequence


def quoted(names: Sequence[str], prefix: str = "") -> str:
    """Column names for SQL, each behind `prefix`."""
    return ", ".join(prefix + identifier(name) for name in names)


def identifier(name: str) -> str:
    """A name for SQL, whatever its characters."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """A text for SQL where no parameter can stand."""
    return "'" + str(value).replace("'", "''") + "'"
