"""Parse switches of a Behaviour from the command line: `cancelled_leave=sequence,form:0.9`."""

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any, get_args, get_type_hints

from .behaviour import Behaviour

_FLAGS = {"true": True, "false": False}


def switched(behaviour: Behaviour, given: Iterable[str]) -> Behaviour:
    """Return the behaviour with these switches, each `name=value`. Raises ValueError naming an invalid one and the
    reason."""
    for each in given:
        name, sign, value = each.partition("=")
        if name not in {field.name for field in fields(Behaviour)} or not sign:
            raise ValueError(f"{each}: unknown switch; choose from {', '.join(f.name for f in fields(Behaviour))}")
        behaviour = replace(behaviour, **{name: _read(name, getattr(behaviour, name), value)})
    return behaviour


def _read(name: str, before: Any, text: str) -> Any:
    """Parse a value of the switch's type."""
    if isinstance(before, tuple):
        return tuple(filter(None, text.split(",")))
    if isinstance(before, bool):
        if text not in _FLAGS:
            raise ValueError(f"{name}={text}: must be true or false")
        return _FLAGS[text]
    choices = get_args(get_type_hints(Behaviour)[name])
    if choices:
        found = next((choice for choice in choices if str(choice) == text), None)
        if found is None:
            raise ValueError(f"{name}={text}: must be one of {', '.join(map(str, choices))}")
        return found
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name}={text}: must be a number") from None
