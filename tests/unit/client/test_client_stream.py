"""A stream that is cut goes on after the last whole event, on both clients."""

import json
from collections.abc import Iterator

import httpx
import pytest
from convene import AsyncConvene, Convene, ConveneError, Unreachable


def wire(number: int) -> bytes:
    content = {"id": f"evt_{number}", "type": "org.convene.plan.posted.v1", "sequence": str(number), "data": {}}
    return f"retry: 1\nid: c{number}\ndata: {json.dumps(content)}\n\n".encode()


class Cut(httpx.SyncByteStream, httpx.AsyncByteStream):
    """Some bytes, then the connection breaks (or ends, when `clean`)."""

    def __init__(self, *chunks: bytes, clean: bool = False) -> None:
        self.chunks, self.clean = chunks, clean

    def __iter__(self) -> Iterator[bytes]:
        yield from self.chunks
        if not self.clean:
            raise httpx.ReadError("cut")

    async def __aiter__(self):
        for each in self.chunks:
            yield each
        if not self.clean:
            raise httpx.ReadError("cut")


class Server:
    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers, self.asked = list(answers), list[dict]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append({"after": request.headers.get("Last-Event-ID"), **dict(request.url.params)})
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def scripted() -> Server:
    return Server(
        httpx.Response(200, stream=Cut(wire(1), wire(2)[:25])),
        httpx.ConnectError("refused"),
        httpx.Response(503, json={"title": "full"}),
        httpx.Response(200, stream=Cut(wire(2), wire(3), clean=True)),
        httpx.Response(200, stream=Cut(wire(4))),
    )


EXPECTED = [{"after": None, "since": "2027-01-01T00:00:00Z", "country": "KEN"}] + [
    {"after": after, "country": "KEN"} for after in ("c1", "c1", "c1", "c3")
]


def test_resumes_after_the_last_whole_event() -> None:
    server = scripted()
    client = Convene("http://test", transport=httpx.MockTransport(server))
    stream = client.stream(country=["KEN"], since="2027-01-01T00:00:00Z")
    assert [next(stream).sequence for _ in range(4)] == [1, 2, 3, 4]
    assert server.asked == EXPECTED


async def test_resumes_after_the_last_whole_event_async() -> None:
    server = scripted()
    client = AsyncConvene("http://test", transport=httpx.MockTransport(server))
    found = []
    async for event in client.stream(country=["KEN"], since="2027-01-01T00:00:00Z"):
        found.append(event.sequence)
        if len(found) == 4:
            break
    assert found == [1, 2, 3, 4]
    assert server.asked == EXPECTED


def test_history_that_is_gone_is_said_at_once() -> None:
    server = Server(httpx.Response(410, json={"type": "/problems/gone", "title": "gone"}))
    with pytest.raises(ConveneError) as caught:
        next(Convene("http://test", transport=httpx.MockTransport(server)).stream(last_event_id="old"))
    assert caught.value.kind == "gone"
    assert server.asked == [{"after": "old"}]


def test_gives_up_after_enough_failures_in_a_row() -> None:
    server = Server(httpx.Response(200, stream=Cut(wire(1))), httpx.ConnectError("refused"))
    stream = Convene("http://test", transport=httpx.MockTransport(server)).stream(tries=3)
    assert next(stream).sequence == 1
    with pytest.raises(Unreachable):
        next(stream)
