"""Serving over HTTP: uvicorn, with streams that end the moment a signal arrives.

An open stream would otherwise hold uvicorn until its graceful time-out, since it waits for requests to finish before it
runs the application's own shutdown.
"""

import asyncio
import errno
import signal
import socket
from collections.abc import Awaitable, Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

GRACE = 10
"""Seconds that requests in hand get to finish."""


class AddressInUse(Exception):
    """Somebody listens there already."""


class Server(uvicorn.Server):
    """`closing` is called as soon as the process is asked to end; a second SIGINT does not wait for anybody."""

    def __init__(self, config: uvicorn.Config, closing: Callable[[], None]) -> None:
        super().__init__(config)
        self._closing = closing

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Unlike uvicorn's own we do not raise the signal again afterwards: the command line still has to clean up.
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True
        self._closing()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises AddressInUse."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise AddressInUse(f"{host}:{port} is taken; choose another port with --port") from error
        raise


def url_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - shown, not listened on
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def run(
    app: ASGIApp,
    listening: socket.socket,
    *,
    closing: Callable[[], None] = lambda: None,
    started: Callable[[], Awaitable[None]] | None = None,
    grace: int = GRACE,
) -> bool:
    """Serve until SIGTERM or SIGINT. `started` runs beside the server once it answers. False if it could not start."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=grace,
        timeout_keep_alive=65,
    )
    server = Server(config, closing)

    async def serve() -> bool:
        companion = asyncio.create_task(_once_started(server, started)) if started else None
        try:
            await server.serve(sockets=[listening])
        finally:
            if companion:
                companion.cancel()
                await asyncio.gather(companion, return_exceptions=True)
        return server.started

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        return runner.run(serve())


async def _once_started(server: Server, work: Callable[[], Awaitable[None]]) -> None:
    while not server.started:
        if server.should_exit:
            return
        await asyncio.sleep(0.02)
    await work()
