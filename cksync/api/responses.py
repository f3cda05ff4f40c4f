"""Classify the API's responses: retry or not, what the status means, and whether the body is JSON. Works without a
connection, which `http` has."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec

from cksync.api.credential import Credential
from cksync.api.salvage import without_strays
from cksync.errors import ApiUnavailable, CksyncError, Failed, Unauthorized
from cksync.secrets import Redactor

# After this many identical invalid bodies a retry is pointless: repair the text, and report it.
SAME_BODY_TRIES = 3

# Kit's support needs this header of a failed response; API v4 sends it.
REQUEST_ID = "x-request-id"


class Retry(Exception):
    """A failed try that a retry may fix. `is_harmless`: certainly nothing was executed; `hint` is what to check if
    nothing of the API answers; `trace` names the request for Kit's support."""

    def __init__(
        self,
        problem: str,
        status: int | None = None,
        *,
        is_harmless: bool = False,
        hint: str = "",
        trace: str = "",
    ) -> None:
        super().__init__(f"{problem} ({hint})" if hint else f"{problem}{trace}")
        self.problem = problem
        self.status = status
        self.is_harmless = is_harmless


class Refusal(Exception):
    """A refusal that no retry fixes. `reason` names its kind; `verdict` is the error to raise if it concerns the whole
    API: for the account, and for writes. `trace` names the request for Kit's support; `is_of_api`: the response shows
    that the endpoint works, so other requests of it may succeed."""

    def __init__(
        self,
        reason: str,
        verdict: CksyncError,
        status: int | None = None,
        *,
        trace: str = "",
        is_of_api: bool = False,
        is_too_large: bool = False,
    ) -> None:
        super().__init__(f"{reason}{trace}")
        self.reason, self.verdict, self.status = reason, verdict, status
        self.is_of_api, self.is_too_large = is_of_api, is_too_large


class Stale(Exception):
    """A 401 for a token that a newer one may replace; `message` is the API's, `verdict` the error if none does."""

    def __init__(self, message: str, verdict: Unauthorized) -> None:
        super().__init__(str(verdict))
        self.message, self.verdict = message, verdict


def classify(
    status: int,
    body: bytes,
    headers: Mapping[str, str],
    *,
    path: str,
    host: str,
    redactor: Redactor,
    credential: Credential,
) -> None:
    """Accept 200 and 404; raise for every other status: Retry, Refusal, Stale (401 of a token), or Unauthorized, which
    always concerns the whole API."""
    if status in (200, 404):
        return
    trace = _trace(headers, redactor) if credential.version == "v4" else ""
    if status == 429:
        raise Retry("429: another program is using up this key's rate limit", 429, is_harmless=True, trace=trace)
    if status >= 500:
        raise Retry(f"{status} from {host}", status, trace=trace)
    version = credential.version
    message = redactor.text(error_text(body)) or "no reason given"
    answers = f"{host} responded with {status}"
    if status in (401, 403) and credential.lacks_oauth(path):
        reason = (
            f"{answers} ({message}): API v4 gives {path.partition('/')[0]} to OAuth only; set api.oauth after `cksync"
            " login`, or for purchases the api.api_secret of API v3"
        )
        raise Refusal(reason, Unauthorized(f"{reason}{trace}"), status, trace=trace, is_of_api=True)
    if status == 401:
        refused = Unauthorized(f"{credential.refused(host, message)}{trace}")
        raise Stale(message, refused) if credential.kind == "oauth" else refused
    said, is_of_api = f"{answers}: {message}", version == "v4" and is_json(body)
    if status == 403:
        no_more = f"{answers} ({message}): the account has no access to API {version}{trace}"
        raise Refusal(said, Unauthorized(no_more), status, trace=trace, is_of_api=is_of_api)
    if status == 410:
        switched_off = f"{answers}: API {version} appears to be switched off; the mirror is unchanged{trace}"
        raise Refusal(said, Failed(switched_off), status, trace=trace)
    if 300 <= status < 400:
        redirects = f"{host} redirects to {_host(redactor.text(headers.get('Location', ''))) or 'another place'}"
        raise Refusal(redirects, Failed(f"{redirects}; set api.base_url to the right address"), status)
    failed = ApiUnavailable(f"GET {path}: {said}{trace}")
    raise Refusal(said, failed, status, trace=trace, is_of_api=is_of_api)


def _trace(headers: Mapping[str, str], redactor: Redactor) -> str:
    """Return the id of a failed request, to follow its problem; '' if the response has none."""
    id_ = redactor.text(printable(headers.get(REQUEST_ID, "").strip()))[:64]
    return f" ({REQUEST_ID} {id_})" if id_ else ""


# The API's names for the kinds of lists in a subscription; a sequence has an old name, too.
_SUBSCRIBABLES = {"forms": {"form"}, "sequences": {"sequence", "course"}, "tags": {"tag"}}


@dataclass(frozen=True, slots=True)
class Expected:
    """The API's expected response to an accepted write; anything else may come from elsewhere.

    `wrapper` is the key around the record ('': none), `keys` are the record's required keys, `same` the values that
    identify the intended record; with none of these, there is no body at all (204). `is_strict`: the record is always
    in its wrapper, also in a 202, and has text where API v4 has text. `problem` returns what else is wrong with a
    decoded body, or ''.
    """

    wrapper: str = ""
    keys: tuple[str, ...] = ()
    same: Mapping[str, object] = field(default_factory=dict)
    is_strict: bool = False
    problem: Callable[[Any], str] | None = None

    @property
    def is_empty(self) -> bool:
        """True if the documentation specifies no body."""
        return not self.keys


def classify_write(
    status: int,
    body: bytes,
    headers: Mapping[str, str],
    expected: Expected,
    *,
    path: str,
    host: str,
    redactor: Redactor,
    credential: Credential,
) -> str:
    """Return '' if the API accepted a write, else the reason for its rejection. Raises like `classify`, and Retry,
    which is not harmless, for anything that is not the API's response to this write: its origin is unknown, and so is
    whether the API ever received the write."""
    content_type = headers.get("Content-Type", "")
    is_said = status < 300 or (400 <= status < 500 and status not in (407, 408, 429))
    if is_said and (problem := strangeness(status, body, content_type, expected)):
        raise Retry(f"not a response of the API ({status}): {problem}", status)
    if status < 300 or (400 <= status < 500 and status not in (401, 403, 407, 408, 410, 429)):
        return (
            "" if status < 300 else redactor.text(error_text(body)) or f"the API responded with {status} and no reason"
        )
    if status == 403 and credential.version == "v4" and not credential.lacks_oauth(path) and is_json(body):
        return redactor.text(error_text(body)) or "the API responded with 403 and no reason"  # of this write only
    try:
        classify(status, body, headers, path=path, host=host, redactor=redactor, credential=credential)
    except Refusal as refusal:
        if status == 408:
            raise Retry(f"408 from {host}", status) from None
        raise refusal.verdict from None
    raise Retry(f"{host} responded with {status}, which is not a response to a write", status)


def strangeness(status: int, body: bytes, content_type: str, expected: Expected) -> str:
    """Return why a response to a write is not the API's: its content type, its shape, or a record that was not meant;
    '' if it is. A rejection has `error` or `errors` in a JSON object."""
    if not body.strip():
        return "" if status == 204 and expected.is_empty else "it is empty"
    if not _is_json_type(content_type):
        kind = "an HTML page" if body.lstrip()[:1] == b"<" else "something that is not JSON"
        return f"it contains {kind}"
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "it contains something that is not JSON"
    if status >= 300:
        is_error = isinstance(found, dict) and ("error" in found or "errors" in found)
        return "" if is_error else "it contains no error"
    if status == 202 and not expected.is_strict:  # later reads show whether it is done
        return "" if isinstance(found, dict | list) else "it has an unexpected structure"
    if expected.is_empty:
        return "it is not empty as expected"
    if expected.problem is not None:
        return expected.problem(found)
    return _unlike_strictly(found, expected) if expected.is_strict else _unlike(found, expected)


# Keys that always hold text in a record of API v4.
_TEXTS_OF_V4 = ("email_address", "state", "name", "key", "label", "transaction_id", "url", "target_url")


def _unlike_strictly(found: Any, expected: Expected) -> str:
    """Return why a decoded body is not the expected record of API v4, which is always in its wrapper."""
    record = found.get(expected.wrapper) if isinstance(found, dict) and expected.wrapper else found
    if not isinstance(record, dict) or any(key not in record for key in expected.keys):
        return "it has an unexpected structure"
    if any(not isinstance(record[key], str) for key in expected.keys if key in _TEXTS_OF_V4):
        return "it has an unexpected structure"
    return _unlike(record, expected)


def _unlike(found: Any, expected: Expected) -> str:
    """Return why a decoded body is not the expected record, which may be wrapped or bare, or in a list of one."""
    for _ in range(2):
        if isinstance(found, list) and len(found) == 1:
            found = found[0]
        if isinstance(found, dict) and isinstance(found.get(expected.wrapper), dict | list):
            found = found[expected.wrapper]
    if not isinstance(found, dict) or any(key not in found for key in expected.keys):
        return "it has an unexpected structure"
    if "id" in expected.keys and (not isinstance(found["id"], int) or isinstance(found["id"], bool)):
        return "it has an unexpected structure"
    wrong = next((key for key, value in expected.same.items() if not _is_same(key, value, found[key])), None)
    return f"it concerns a different {wrong}" if wrong else ""


def _is_same(key: str, wanted: object, found: object) -> bool:
    if key == "subscribable_type":
        return str(found).lower() in _SUBSCRIBABLES[str(wanted)]
    if key == "email_address":
        return str(wanted).strip().casefold() == str(found).strip().casefold()
    return str(wanted) == str(found)


def _is_json_type(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def is_json(body: bytes) -> bool:
    """Return True if a body is one strict JSON object or array."""
    try:
        body.decode()
        msgspec.json.decode(body, type=msgspec.Raw)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return False
    return body[:64].lstrip()[:1] in (b"{", b"[")


# An escaped pair is valid, a lone half is not; `\\\\.` skips every other escape.
_SURROGATE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)


def parse_json(body: bytes, earlier: list[bytes]) -> tuple[bytes, str | None]:
    """Return the body if it is strict JSON; else raise Retry, or repair the text once the same body came often
    enough."""
    if is_json(body):
        return body, None
    earlier.append(body)
    if earlier.count(body) >= SAME_BODY_TRIES:
        text = body.decode("utf-8-sig", "replace")
        mended = _SURROGATE.sub(lambda m: r"\ufffd" if m[1] else m[0], text).encode()
        if is_json(mended):
            return mended, "invalid Unicode in the text was replaced"
        mended, strays = without_strays(mended, is_json)
        if strays and is_json(mended):
            return mended, f"{strays} of the records are not valid JSON"
    kind = "an HTML page" if body.lstrip()[:1] == b"<" else "something that is not JSON" if body else "nothing"
    raise Retry(f"the response contains {kind}", 200, hint="check api.base_url")


def error_text(body: bytes) -> str:
    """Return the reason in an error body, or ''. API v3 has `message` and `error`, API v4 `errors`: a list of texts, a
    text, or lists of either; OAuth has `error` and `error_description`."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, object])
        if "error_description" in fields:
            return printable(": ".join(_texts([fields.get("error"), fields["error_description"]]))[:300])
        said = fields.get("message") or fields.get("error") or fields.get("errors") or ""
        return printable("; ".join(_texts(said))[:300])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _texts(said: object) -> list[str]:
    """Return the texts in nested lists."""
    if isinstance(said, list):
        return [text for part in said for text in _texts(part)]
    text = str(said).strip() if said is not None else ""
    return [text] if text else []


def printable(text: str) -> str:
    """Return a text with a space in place of each control character."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _host(address: str) -> str:
    try:
        return urlsplit(address).netloc.rpartition("@")[2]
    except ValueError:
        return ""
