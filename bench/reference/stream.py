"""Bare event stream: a list of messages, and a StreamingResponse per client that follows it by number.

A client that is behind gets what it misses in one write, so the reference joins messages as the service does. With
`--kafka BOOTSTRAP` the messages come from the topic of `bench.reference.insert`, else from POST /push: the raw bytes of
one message or of many.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bench.reference.insert import TOPIC
from bench.reference.serving import arguments, serve


class Channel:
    """All messages so far, and a wake-up for everybody."""

    def __init__(self) -> None:
        self._messages: list[bytes] = []
        self._news = asyncio.Event()

    def push(self, message: bytes) -> None:
        self._messages.append(message)
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def follow(self) -> AsyncGenerator[bytes]:
        number = len(self._messages)
        yield b"retry: 3000\n\n"
        while True:
            if number == len(self._messages):
                await self._news.wait()
            message = b"".join(self._messages[number:])
            number = len(self._messages)
            yield message


def build(kafka: str | None) -> Starlette:
    channel = Channel()

    async def consume(bootstrap: str, ready: asyncio.Event) -> None:
        settings = {"group_id": "bench.bare", "auto_offset_reset": "earliest", "enable_auto_commit": False}
        async with AIOKafkaConsumer(TOPIC, bootstrap_servers=bootstrap, **settings) as log:
            ready.set()
            async for sent in log:
                channel.push(b"id: %d\nevent: plan.posted\ndata: %s\n\n" % (sent.offset, sent.value))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        if kafka is None:
            yield
            return
        ready = asyncio.Event()
        task = asyncio.create_task(consume(kafka, ready))
        await ready.wait()
        yield
        task.cancel()

    async def push(request: Request) -> Response:
        channel.push(await request.body())
        return JSONResponse({}, status_code=201)

    async def stream(_: Request) -> Response:
        return StreamingResponse(channel.follow(), media_type="text/event-stream")

    async def ready(_: Request) -> Response:
        return JSONResponse({"ready": True})

    routes = [Route("/push", push, methods=["POST"]), Route("/stream", stream), Route("/readyz", ready)]
    return Starlette(routes=routes, lifespan=lifespan)


if __name__ == "__main__":
    given = arguments("kafka")
    serve(build(given.kafka), given.port)
