"""The effects of scripted faults: each wraps the API's own handling of a request.

An effect is a function of the request and its handler. It may call the handler or not, call it with another request, or
change its response; so effects combine freely.
"""

import random
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from .codec import decode, encode
from .edits import EDITS
from .messages import RETRY_LATER, Answer, Handler, Request
from .world import World

Effect = Callable[[Request, Handler], Answer]

_HTML_PAGE = b"<!DOCTYPE html>\n<html><title>We're sorry</title><body>Something went wrong</body></html>\n"


# -- another response


def status(code: int, body: str = "", content_type: str | None = "text/html; charset=utf-8") -> Effect:
    """Any status with any body; 5xx without a body is an HTML page, as from a proxy (503: empty)."""
    content = body.encode() or (_HTML_PAGE if code >= 500 and code != 503 else b"")
    return answer_with(Answer(code, content, content_type))


def answer_with(answer: Answer) -> Effect:
    return lambda request, handle: answer


def retry_later() -> Effect:
    """429, plain text, no Retry-After."""
    return answer_with(RETRY_LATER)


def html() -> Effect:
    """A web page with status 200, as from a captive portal."""
    return answer_with(Answer(200, _HTML_PAGE, "text/html; charset=utf-8"))


def redirect(location: str, code: int = 302) -> Effect:
    """Redirect the client elsewhere."""
    return answer_with(Answer(code, content_type=None, headers={"Location": location}))


def reset() -> Effect:
    """Break the connection without a byte."""
    return answer_with(Answer(0, is_reset=True))


# -- a write with an outcome that the client cannot know


def lost_response() -> Effect:
    """Do what was requested, then break the connection without a byte."""
    return _changed(lambda answer: Answer(0, is_reset=True))


def error_after(code: int = 500) -> Effect:
    """Do what was requested, then report a failure."""
    return _changed(lambda answer: _failure(code))


def error_before(code: int = 500) -> Effect:
    """Fail without having done anything."""
    return answer_with(_failure(code))


def _failure(code: int) -> Answer:
    return Answer(code, _HTML_PAGE, "text/html; charset=utf-8")


def failed_items(rows: Iterable[int] = (0,), text: str = "Something went wrong") -> Effect:
    """Single items of a bulk call of v4 fail, by their places in the request; the others are carried out."""
    reasons = dict.fromkeys(rows, text)
    return lambda request, handle: handle(replace(request, failing=reasons))


# -- a damaged response


def _changed(change: Callable[[Answer], Answer]) -> Effect:
    return lambda request, handle: change(handle(request))


def truncated(missing_bytes: int | None = None) -> Effect:
    """Announce the whole body, send less, and close."""
    return _changed(lambda answer: replace(answer, cut_bytes=missing_bytes or max(1, len(answer.body) // 2)))


def bad_gzip() -> Effect:
    """Declare gzip and send something else."""
    return _changed(lambda answer: replace(answer, headers={**answer.headers, "Content-Encoding": "gzip"}))


def garbage() -> Effect:
    """Half of a JSON text, announced as complete."""
    return _changed(lambda answer: replace(answer, body=answer.body[: len(answer.body) // 2]))


def invalid_utf8() -> Effect:
    """A byte that is invalid UTF-8 inside the first name."""
    return _changed(lambda answer: replace(answer, body=_into_first_text(answer.body, b"\xff")))


def lone_surrogate() -> Effect:
    r"""The escape \ud800 inside the first name: JSON to some parsers, an error to others."""
    return _changed(lambda answer: replace(answer, body=_into_first_text(answer.body, rb"\ud800")))


def stray(value: str) -> Effect:
    """Add a value, possibly invalid JSON, to the first person of the response."""
    before = b'"first_name":'
    return _changed(
        lambda answer: replace(answer, body=answer.body.replace(before, f'"stray":{value},'.encode() + before, 1))
    )


def repeated_key(key: str = "first_name", value: Any = None) -> Effect:
    """Repeat a key in every object that has it, first with another value."""
    doubled = f'"{key}":'.encode()
    return _changed(
        lambda answer: replace(answer, body=answer.body.replace(doubled, doubled + encode(value) + b"," + doubled))
    )


def _into_first_text(body: bytes, inserted: bytes) -> bytes:
    wanted = rb'"(first_name|name|subject|message)":(?:"|null)'
    return re.sub(wanted, lambda match: b'"' + match[1] + b'":"' + inserted + _rest(match[0]), body, count=1)


def _rest(matched: bytes) -> bytes:
    return b'"' if matched.endswith(b"null") else b""


# -- a slow response


def latency(seconds: float, jitter_seconds: float = 0.0, seed: int = 0) -> Effect:
    """Delay the response, with evenly spread jitter on top."""
    spread = random.Random(seed)
    return _changed(
        lambda answer: replace(answer, delay_seconds=answer.delay_seconds + seconds + spread.uniform(0, jitter_seconds))
    )


def hang(seconds: float = 3600.0) -> Effect:
    """Send nothing for so long that every client gives up."""
    return latency(seconds)


def drip(seconds: float = 0.05) -> Effect:
    """Send the body byte by byte with a pause after each."""
    return _changed(lambda answer: replace(answer, drip_seconds=seconds))


# -- a wrong response


def ignore_page() -> Effect:
    """Always return page 1, and say so."""
    return lambda request, handle: handle(request.asking(page="1"))


def repeat_page() -> Effect:
    """Page k holds the rows of page k-1 but is numbered k."""

    def repeated(request: Request, handle: Handler) -> Answer:
        answer = handle(request.asking(page=str(max(1, request.page - 1))))
        return _edited(answer, lambda value: value.update(page=request.page) if "page" in value else None)

    return repeated


def wrong_total(off_by: int = 1) -> Effect:
    """The total is higher (or lower) than the number of rows by this much."""
    return _changed(lambda answer: _edited(answer, lambda value: _add_to_total(value, off_by)))


def moving_total() -> Effect:
    """The total changes at every request."""
    asked = iter(range(1, 1_000_000))
    return _changed(lambda answer: _edited(answer, lambda value: _add_to_total(value, next(asked))))


def empty_list() -> Effect:
    """No rows, although the total is positive."""
    return _changed(lambda answer: _edited(answer, lambda value: _rows(value).clear()))


def dated(text: str = "") -> Effect:
    """The response claims another time, or (by default) none at all."""
    return _changed(lambda answer: replace(answer, headers={**answer.headers, "Date": text}))


def rows_left(count: int = 0) -> Effect:
    """Only the first rows of the page, with totals that match them."""

    def cut(value: dict[str, Any]) -> None:
        del _rows(value)[count:]
        if "pagination" in value:
            value = value["pagination"]
            value.update({"has_next_page": False})
        value.update({key: count for key in value if key.startswith("total_") and key != "total_pages"})
        value.update({"total_pages": 1} if "total_pages" in value else {})

    return _changed(lambda answer: _edited(answer, cut))


def wrong_state(state: str = "cancelled", row: int = 0) -> Effect:
    """One person on the page has a state that does not belong in this list."""
    return set_key("state", state, row)


def set_key(key: str, value: Any, row: int = 0) -> Effect:
    """Change the value of a key in one record of the page (or the only one)."""
    return _changed(lambda answer: _edited(answer, lambda body: _record(body, row).update({key: value})))


def without_key(key: str = "id", row: int = 0) -> Effect:
    """Remove a key from one record of the page (or the only one)."""
    return _changed(lambda answer: _edited(answer, lambda body: _record(body, row).pop(key, None)))


def set_pagination(key: str, value: Any) -> Effect:
    """A page of v4 tells something else of its place: `has_next_page`, a cursor, the total."""
    return _changed(lambda answer: _edited(answer, lambda body: body["pagination"].update({key: value})))


def duplicate_row(row: int = 0) -> Effect:
    """Repeat one record on the page."""
    return _changed(lambda answer: _edited(answer, lambda body: _rows(body).append(_record(body, row))))


def _edited(answer: Answer, change: Callable[[dict[str, Any]], object]) -> Answer:
    """Return the response with its JSON changed in place; failures, bare lists and empty pages stay as they are."""
    value = decode(answer.body) if 200 <= answer.status < 300 and answer.body else None
    if not isinstance(value, dict):
        return answer
    try:
        change(value)
    except LookupError:
        return answer
    return replace(answer, body=encode(value))


def _add_to_total(value: dict[str, Any], number: int) -> None:
    value = value.get("pagination", value)
    for key in value:
        if key.startswith("total_") and key != "total_pages":
            value[key] += number


def _rows(value: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the list inside a body; LookupError if the body is a single record."""
    lists = [inner for inner in value.values() if isinstance(inner, list)]
    if "id" in value or not lists:
        raise LookupError("no list in this body")
    return lists[0]


def _record(value: dict[str, Any], row: int) -> dict[str, Any]:
    """Return the bare object, or the object inside a wrapper, or a row of a list."""
    if "id" in value:
        return value
    wrapped = [inner for name, inner in value.items() if isinstance(inner, dict) and name != "pagination"]
    return wrapped[0] if wrapped else _rows(value)[row]


# -- a world that changes meanwhile


def edit_before(change: Callable[[], object]) -> Effect:
    """Run an edit of the world right before the request is answered."""

    def edited(request: Request, handle: Handler) -> Answer:
        change()
        return handle(request)

    return edited


def edit_after(change: Callable[[], object]) -> Effect:
    """Run an edit of the world right after the response is made."""

    def edited(request: Request, handle: Handler) -> Answer:
        answer = handle(request)
        change()
        return answer

    return edited


EFFECTS: dict[str, Callable[..., Effect]] = {
    make.__name__: make
    for make in (
        status,
        retry_later,
        html,
        redirect,
        reset,
        lost_response,
        error_after,
        error_before,
        failed_items,
        truncated,
        bad_gzip,
        garbage,
        invalid_utf8,
        lone_surrogate,
        repeated_key,
        latency,
        hang,
        drip,
        ignore_page,
        repeat_page,
        wrong_total,
        moving_total,
        empty_list,
        dated,
        rows_left,
        wrong_state,
        set_key,
        set_pagination,
        without_key,
        duplicate_row,
    )
}
"""The effects that can be asked for by name, over HTTP."""


def named(world: World, effect: str, args: dict[str, Any]) -> Effect:
    """Return an effect by name; `edit_before` and `edit_after` take the name of an edit and its arguments.

    Raises KeyError for an unknown name, TypeError for wrong arguments.
    """
    if effect in ("edit_before", "edit_after"):
        make = edit_before if effect == "edit_before" else edit_after
        run, values = EDITS[args["edit"]], args.get("args", {})
        return make(lambda: run(world, **values))
    return EFFECTS[effect](**args)
