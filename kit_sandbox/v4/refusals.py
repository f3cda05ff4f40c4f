"""How v4 says no: an exception with a status and texts, and the bodies it may have."""

from typing import Any

from ..behaviour import Behaviour
from ..messages import Answer, as_json

_HTML = b"<!DOCTYPE html>\n<html><title>We're sorry</title><body>Something went wrong</body></html>\n"


class Refusal(Exception):
    """A request that is not answered as it wished; 5xx has a web page for a body, the others texts."""

    def __init__(self, status: int, *texts: str) -> None:
        super().__init__(status, *texts)
        self.status = status
        self.texts = list(texts)


def not_found() -> Refusal:
    return Refusal(404, "Not Found")


def invalid(*texts: str) -> Refusal:
    """422 for a parameter that cannot be."""
    return Refusal(422, *texts)


def answer_of(refusal: Refusal, behaviour: Behaviour) -> Answer:
    """The refusal as an answer, `errors` spelled as the behaviour has it."""
    if refusal.status >= 500:
        return Answer(refusal.status, _HTML, "text/html; charset=utf-8")
    shapes: dict[str, Any] = {"list": refusal.texts, "string": "; ".join(refusal.texts), "nested": [refusal.texts]}
    return as_json({"errors": shapes[behaviour.v4_errors]}, refusal.status)
