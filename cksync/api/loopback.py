"""A listener on loopback that receives the browser's answer to a login."""

import contextlib
import queue
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from cksync.errors import Failed, Interrupted

HOST, CALLBACK = "127.0.0.1", "/callback"
# Used if it is free: an app's redirect address has a fixed port.
PORT = 8414
LOOK_SECONDS = 0.2
# A browser opens connections that it may never use.
IDLE_SECONDS = 10.0
_PAGE = (
    "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>cksync</title>"
    "<p>{text}</p><p>You can close this window and return to the terminal.</p></html>\n"
)


class Listener:
    """Waits for one answer. Requests of anything else get an error, and do not end the wait."""

    def __init__(self, port: int | None) -> None:
        """Listen on a port: 0 is any free one, None is PORT or else any free one. Raises Failed."""
        self._answers: queue.Queue[str] = queue.Queue()
        self._server = _server(port, self._answers)
        self.redirect_uri = f"http://{HOST}:{self._server.server_address[1]}{CALLBACK}"

    def wait(self, seconds: float, stop: threading.Event) -> str:
        """Return the address that the browser was sent to. Raises Failed if none comes in time, Interrupted."""
        until = time.monotonic() + seconds
        while not stop.is_set():
            left = until - time.monotonic()
            with contextlib.suppress(queue.Empty):
                return self._answers.get(timeout=max(min(left, LOOK_SECONDS), 0.001))
            if left <= 0:
                raise Failed(
                    f"no answer arrived at {self.redirect_uri} within {seconds:g} s; nothing was written; if the"
                    " browser shows an error, check --client-id and the redirect address of the app in Kit; if the"
                    " browser runs on another machine, use `cksync login --paste`"
                )
        raise Interrupted("stopped; nothing was written")

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def listening(port: int | None) -> Iterator[Listener]:
    """Yield a listener, in a thread of its own. Raises Failed if the port is taken."""
    listener = Listener(port)
    with contextlib.closing(listener):
        yield listener


def _server(port: int | None, answers: "queue.Queue[str]") -> ThreadingHTTPServer:
    kind = type("Handler", (_Handler,), {"answers": answers})
    for number in (PORT, 0) if port is None else (port,):
        try:
            server = ThreadingHTTPServer((HOST, number), kind)
        except OSError as error:
            if port is not None:
                raise Failed(
                    f"port {port} of {HOST} cannot be used: {error.strerror}; choose another with --port, or 0 for any"
                    " free one"
                ) from None
        else:
            threading.Thread(target=server.serve_forever, name="login", daemon=True).start()
            return server
    raise Failed(f"no port of {HOST} can be used; use `cksync login --paste`")


class _Handler(BaseHTTPRequestHandler):
    answers: "queue.Queue[str]"
    timeout = IDLE_SECONDS

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        given = parse_qs(parts.query)
        if parts.path != CALLBACK:
            self._say(404, "Not found.")
        elif "error" in given:
            self._say(200, "cksync was given no access.")
            self.answers.put(self.path)
        elif "code" in given:
            self._say(200, "cksync has received the answer.")
            self.answers.put(self.path)
        else:
            self._say(400, "The address contains no code.")

    def _say(self, status: int, text: str) -> None:
        body = _PAGE.format(text=text).encode()
        self.send_response(status)
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("Connection", "close"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *args: object) -> None:
        """Print nothing: the address contains the code."""
