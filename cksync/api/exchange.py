"""One HTTP request and its whole answer. What the libraries raise becomes sentences of ours: their own hold the URL
with the secret."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3 import exceptions as kinds

from cksync.api.answers import Retry
from cksync.errors import Failed


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer with its whole body, unpacked; names of headers in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Exchange:
    """Sends requests below a base URL through the proxies, and with the certificates, of the environment.

    No redirect is followed, no cookie kept, no ~/.netrc searched. requests only says where the environment's proxies
    and certificates are: sent through it, a request would take twice the CPU.
    """

    def __init__(self, base_url: str, host: str, *, timeout: float, concurrency: int, user_agent: str) -> None:
        self._host, self._timeout = host, timeout
        self._base = requests.Request("GET", base_url).prepare()
        self._surroundings = requests.Session().merge_environment_settings(base_url, {}, True, None, None)
        self._headers = {"User-Agent": user_agent, "Accept": "application/json", "Accept-Encoding": "gzip, deflate"}
        self._adapter = HTTPAdapter(pool_maxsize=concurrency)
        self._lock = threading.Lock()
        self._connections: tuple[Any, str] | None = None

    def send(self, method: str, path: str, query: str = "", body: bytes | None = None) -> Answered:
        """Send a request, and read the answer no longer than the time-out after that, however slowly it drips.

        Raises Retry (`is_harmless`: it was not sent), or Failed when no try can do better.
        """
        started = time.monotonic()
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        try:
            connections, prefix = self._connect()
            response = connections.urlopen(
                method,
                f"{prefix}/{path}{'?' if query else ''}{query}",
                body,
                headers,
                retries=False,
                redirect=False,
                assert_same_host=False,
                timeout=self._timeout,
                preload_content=False,
                decode_content=False,
            )
        except (kinds.HTTPError, OSError, ValueError) as error:  # an address may be none at all
            raise self._why(error) from None
        return Answered(response.status, response.headers, self._read(response, started))

    def _connect(self) -> tuple[Any, str]:
        """The connections to the API or to the proxy before it, and what a path begins with there."""
        with self._lock:
            if self._connections is None:
                proxies = self._surroundings["proxies"]
                verify = self._surroundings["verify"] or False
                connections = self._adapter.get_connection_with_tls_context(self._base, verify, proxies=proxies)
                self._adapter.cert_verify(connections, self._base.url, verify, None)  # type: ignore[no-untyped-call]  # raises when a file is missing
                self._connections = connections, self._adapter.request_url(self._base, proxies).rstrip("/")
            return self._connections

    def _read(self, response: urllib3.BaseHTTPResponse, started: float) -> bytes:
        parts: list[bytes] = []
        try:
            while part := response.read1(1 << 16, decode_content=True):
                parts.append(part)
                if time.monotonic() - started > self._timeout:
                    raise Retry(f"the answer was not whole within {self._timeout:g} s", response.status)
            response.read()  # raises when the connection closed before the announced length
        except Retry:
            response.close()
            raise
        except Exception as error:  # urllib3's and zlib's many names for a body that broke off
            response.close()
            raise Retry(f"the answer broke off ({type(error).__name__})", response.status) from None
        response.release_conn()
        return b"".join(parts)

    def _why(self, error: Exception) -> Exception:
        host = self._host
        text = str(error)
        match error:
            case kinds.ProxyError():
                return Retry(f"the proxy on the way to {host} does not answer")
            case kinds.SSLError() if "CERTIFICATE_VERIFY_FAILED" not in text:
                return Retry(f"the TLS connection to {host} broke", hint="is base_url right?")
            case kinds.SSLError():
                return Failed(
                    f"the certificate of {host} is not trusted; check base_url, the clock, and proxies on the way"
                )
            case kinds.NameResolutionError():
                hint = "is there a network, is base_url right?"
                return Retry(f"the name {host} cannot be resolved", is_harmless=True, hint=hint)
            case kinds.NewConnectionError() if "refused" in text:
                return Retry(f"{host} refuses the connection", is_harmless=True, hint="is base_url right?")
            case kinds.NewConnectionError():
                return Retry(f"the connection to {host} broke", is_harmless=True)
            case kinds.TimeoutError():
                is_unsent = isinstance(error, kinds.ConnectTimeoutError)
                return Retry(f"no answer from {host} within {self._timeout:g} s", is_harmless=is_unsent)
            case kinds.ProtocolError():
                return Retry(f"the connection to {host} broke")
        return Failed(
            f"a request to {host} cannot be made ({type(error).__name__}); check base_url, and what the environment"
            " says of proxies and certificates"
        )

    def close(self) -> None:
        """Close all connections."""
        self._adapter.close()
