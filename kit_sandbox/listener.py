"""Sockets: uvicorn in a thread, with the broken connections that ASGI cannot express."""

import asyncio
import gzip
import socket
import struct
import threading
import uuid
import zlib
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import replace
from datetime import UTC
from email.utils import format_datetime
from types import TracebackType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from .app import PREFIX, App, outside, read_request
from .control import control, forbidden
from .messages import Answer, Pause, Request

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CONTROL_PREFIX = "/_sandbox"
KEEP_ALIVE_SECONDS = 75


class _Protocol(H11Protocol):
    """Gives the application its transport, which it needs to reset a connection.

    Head and body leave in two writes: without TCP_NODELAY each response would wait 40 ms for a delayed ACK.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {"transport": transport}


class _Server(uvicorn.Server):
    """Reports when it is ready, and stops at once instead of polling ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self.stopped = asyncio.Event()

    async def main_loop(self) -> None:
        self.ready.set()
        await self.stopped.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)
        await asyncio.sleep(0)


class Listener:
    """A server thread for an app, running inside a `with` block."""

    def __init__(self, app: App, host: str, port: int, pause: Pause) -> None:
        self._socket = socket.create_server((host, port), backlog=512)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            Asgi(app, pause),
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    def _run(self) -> None:
        try:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                runner.run(self._server.serve(sockets=[self._socket]))
        finally:
            self._server.ready.set()

    def __enter__(self) -> "Listener":
        self._thread.start()
        self._server.ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._server.stopped.set)
        self._thread.join()
        self._socket.close()


class Asgi:
    """The ASGI application: reads a whole request, passes it to the app, and delivers the response as specified."""

    def __init__(self, app: App, pause: Pause) -> None:
        self.app, self._pause = app, pause

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, body = scope["path"], await _body(receive)
        if path.startswith(CONTROL_PREFIX):
            caller, _ = scope["client"] or ("", 0)
            answer = forbidden(self.app.control_token, caller, dict(scope["headers"])) or control(
                self.app, scope["method"], path[len(CONTROL_PREFIX) :], _query(scope), body
            )
            await _deliver(answer, scope, send, self._headers(answer))
            return
        request = read_request(scope["method"], path.removeprefix(PREFIX), _query(scope), body, dict(scope["headers"]))
        answer = outside(path) or self.app.answer(request)
        answer = self._compressed(request, answer)
        await self._pause(self.app.latency_seconds + answer.delay_seconds)
        await _deliver(answer, scope, send, self._headers(answer))

    def _compressed(self, request: Request, answer: Answer) -> Answer:
        is_wanted = self.app.world.behaviour.gzip and request.accepts_gzip
        if not is_wanted or not answer.body or "Content-Encoding" in answer.headers:
            return answer
        headers = {**answer.headers, "Content-Encoding": "gzip"}
        return replace(answer, body=gzip.compress(answer.body, 1), headers=headers)

    def _headers(self, answer: Answer) -> list[tuple[bytes, bytes]]:
        """Return the headers of the recorded responses; nothing about the rate limit. `Date` is the world's clock."""
        named = {
            "Date": format_datetime(self.app.world.now().astimezone(UTC), usegmt=True),
            "X-Request-Id": str(uuid.uuid4()),
            "X-Runtime": "0.050000",
            "Set-Cookie": "_sandbox_session=1; path=/; HttpOnly",
            "ETag": f'W/"{zlib.crc32(answer.body):08x}"',
            "Content-Length": str(len(answer.body)),
            **({"Content-Type": answer.content_type} if answer.content_type else {}),
            **answer.headers,
        }
        return [(name.encode(), value.encode()) for name, value in named.items() if value]


def _query(scope: Scope) -> str:
    text: bytes = scope["query_string"]
    return text.decode("latin-1")


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body", False):
            return body


async def sleep(seconds: float) -> None:
    """Wait by the machine's clock."""
    if seconds > 0:
        await asyncio.sleep(seconds)


async def _deliver(answer: Answer, scope: Scope, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
    """Send the response whole, in drips, truncated, or not at all."""
    if answer.is_reset:
        _reset(scope["state"]["transport"])
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    body = answer.body[: max(0, len(answer.body) - answer.cut_bytes)]
    for piece in _pieces(body, 1 if answer.drip_seconds else len(body)):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await sleep(answer.drip_seconds)
    if answer.cut_bytes:
        scope["state"]["transport"].close()
    else:
        await send({"type": "http.response.body", "body": b""})


def _pieces(body: bytes, size: int) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), max(1, size)))


def _reset(transport: asyncio.Transport) -> None:
    """Close with RST, so that the client sees a broken connection and not an end."""
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
