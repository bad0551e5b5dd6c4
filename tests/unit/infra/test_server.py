"""Shutdown ends streams first: an open one must not hold the process until its grace is over."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from infra.data import DataFolder
from infra.server import AddressInUse, listen
from infra.stack import run_stack

SERVE = """
import asyncio
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route
from infra.server import listen, run, url_of

closing = asyncio.Event()

async def stream(_):
    async def body():
        yield b"open"
        await closing.wait()
        yield b"closed"
    return StreamingResponse(body())

async def started():
    print(url_of(listening), flush=True)

with listen("127.0.0.1", 0) as listening:
    run(Starlette(routes=[Route("/", stream)]), listening, closing={closing}, started=started, grace=3600)
print("left", flush=True)
"""


def serve(closing: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", SERVE.replace("{closing}", closing)], stdout=subprocess.PIPE, text=True
    )


def test_an_open_stream_does_not_hold_the_server() -> None:
    with serve("closing.set") as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with httpx.stream("GET", url, timeout=60) as response:
            chunks = response.iter_raw()
            assert next(chunks) == b"open"
            process.terminate()
            assert b"".join(chunks) == b"closed"
        assert process.wait(60) == 0  # its grace is an hour
        assert process.stdout.read() == "left\n"


def test_a_taken_address_is_said_before_anything_starts() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(AddressInUse, match=f"{port} is taken"):
            listen("127.0.0.1", port)


def test_a_taken_port_is_said_before_a_stack_starts_anything(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(AddressInUse, match="is taken; choose another port"):
        run_stack(DataFolder(tmp_path), "127.0.0.1", taken.getsockname()[1], demo=False, brokers=1, as_json=True)
    assert not (tmp_path / "kafka").exists()
