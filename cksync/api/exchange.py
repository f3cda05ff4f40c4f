"""One HTTP request and its complete response. Library errors are replaced by cksync's own messages, because they
contain the URL with the secret."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3 import exceptions as kinds

from cksync.api.connections import MOST_CONNECTIONS
from cksync.api.responses import Refusal, Retry
from cksync.api.watch import UnderWay, Watch, watched
from cksync.errors import ApiUnavailable, Failed

# Bytes to read of a compressed response at a time: unpacked, they may be a thousand times as many.
PACKED_BYTES = 1 << 16
NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class RawResponse:
    """A response with its whole body, unpacked; header names are case-insensitive."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Exchange:
    """Sends requests below a base URL with the proxies and certificates of the environment.

    Follows no redirect, keeps no cookie, reads no ~/.netrc. requests is used only to find the environment's proxies and
    certificates; sending through it would take twice the CPU. `setting` is the name of the setting to check if the
    address does not work.
    """

    def __init__(
        self,
        base_url: str,
        host: str,
        *,
        timeout: float,
        most_mb: float,
        concurrency: int,
        stop: threading.Event,
        user_agent: str,
        setting: str = "api.base_url",
    ) -> None:
        self._host, self._timeout, self._most_mb, self._setting = host, timeout, most_mb, setting
        self._watch = Watch(timeout, stop)
        self._base = requests.Request("GET", base_url).prepare()
        self._surroundings = requests.Session().merge_environment_settings(base_url, {}, True, None, None)
        self._headers = {"User-Agent": user_agent, "Accept": "application/json", "Accept-Encoding": "gzip, deflate"}
        self._adapter = HTTPAdapter(pool_maxsize=max(concurrency, MOST_CONNECTIONS))
        self._lock = threading.Lock()
        self._connections: tuple[Any, str] | None = None

    def send(
        self,
        method: str,
        path: str,
        query: str = "",
        body: bytes | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> RawResponse:
        """Send a request, with further headers, and read its response, all within the time-out, however slow either is.

        Raises Retry (`is_harmless`: it was not sent), Refusal if the response is too large, or Failed if no retry can
        help.
        """
        in_body = {} if body is None else {"Content-Type": "application/json"}
        with self._watch.over() as under_way:
            try:
                connections, prefix = self._connect()
                response = connections.urlopen(
                    method,
                    f"{prefix}/{path}{'?' if query else ''}{query}",
                    body,
                    {**self._headers, **in_body, **headers},
                    retries=False,
                    redirect=False,
                    assert_same_host=False,
                    timeout=self._timeout,
                    preload_content=False,
                    decode_content=False,
                )
            except (kinds.HTTPError, OSError, ValueError) as error:  # the address may be invalid
                raise self._why(error, under_way) from None
            return RawResponse(response.status, response.headers, self._read(response, under_way))

    def _connect(self) -> tuple[Any, str]:
        """Return the connections to the API or its proxy, and the prefix of request paths."""
        with self._lock:
            if self._connections is None:
                proxies = self._surroundings["proxies"]
                verify = self._surroundings["verify"] or False
                connections: Any = self._adapter.get_connection_with_tls_context(self._base, verify, proxies=proxies)
                self._adapter.cert_verify(connections, self._base.url, verify, None)  # type: ignore[no-untyped-call]  # raises when a file is missing
                connections.ConnectionCls = watched(connections.ConnectionCls, self._watch)
                self._connections = connections, self._adapter.request_url(self._base, proxies).rstrip("/")
            return self._connections

    def _read(self, response: urllib3.BaseHTTPResponse, under_way: UnderWay) -> bytes:
        most = int(self._most_mb * 1_000_000)
        is_packed = response.headers.get("Content-Encoding", "identity") != "identity"
        parts: list[bytes] = []
        held = 0
        try:
            while held <= most and (
                part := response.read1(PACKED_BYTES, decode_content=True) if is_packed else response.read(most + 1)
            ):
                parts.append(part)
                held += len(part)
            if held <= most:
                response.read()  # raises when the connection closed before the announced length
        except Exception as error:  # urllib3 and zlib raise many errors for a truncated body
            response.close()
            raise self._cut_off(under_way, response.status) or Retry(
                f"the response broke off ({type(error).__name__})", response.status
            ) from None
        if held > most:
            response.close()
            too_large = f"the response is larger than {self._most_mb:g} MB (api.max_answer_mb)"
            verdict = ApiUnavailable(f"{self._host}: {too_large}")
            raise Refusal(too_large, verdict, response.status, is_of_api=True, is_too_large=True)
        if "Content-Length" not in response.headers and (cut_off := self._cut_off(under_way, response.status)):
            response.close()  # it ends where it was cut off
            raise cut_off
        response.release_conn()
        return b"".join(parts)

    def _why(self, error: Exception, under_way: UnderWay) -> Exception:
        host, check = self._host, f"check {self._setting}"
        if cut_off := self._cut_off(under_way):
            return cut_off
        text = str(error)
        match error:
            case kinds.ProxyError():
                return Retry(f"the proxy for {host} does not respond")
            case kinds.SSLError() if "CERTIFICATE_VERIFY_FAILED" not in text:
                return Retry(f"the TLS connection to {host} broke", hint=check)
            case kinds.SSLError():
                return Failed(f"the certificate of {host} is not trusted; {check}, the clock, and any proxy")
            case kinds.NameResolutionError():
                hint = f"check the network and {self._setting}"
                return Retry(f"the name {host} cannot be resolved", is_harmless=True, hint=hint)
            case kinds.NewConnectionError() if "refused" in text:
                return Retry(f"{host} refuses the connection", is_harmless=True, hint=check)
            case kinds.NewConnectionError():
                return Retry(f"the connection to {host} broke", is_harmless=True)
            case kinds.TimeoutError():
                is_unsent = isinstance(error, kinds.ConnectTimeoutError)
                return Retry(f"no response from {host} within {self._timeout:g} s", is_harmless=is_unsent)
            case kinds.ProtocolError():
                return Retry(f"the connection to {host} broke")
        return Failed(
            f"cannot send a request to {host} ({type(error).__name__}); {check} and the environment's"
            " proxy and certificate settings"
        )

    def _cut_off(self, under_way: UnderWay, status: int | None = None) -> Retry | None:
        if under_way.was_cut == "ending":
            return Retry("cut off because the command is stopping", status)
        if under_way.was_cut == "late" and status is None:
            return Retry(f"no response from {self._host} within {self._timeout:g} s")
        return Retry(f"no complete response within {self._timeout:g} s", status) if under_way.was_cut else None

    def close(self) -> None:
        """Close all connections."""
        self._watch.close()
        self._adapter.close()
