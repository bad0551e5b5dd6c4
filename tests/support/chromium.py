"""A real Chromium, driven over the pipe of its DevTools protocol: no driver and no browser of another make in between."""

import asyncio
import fcntl
import itertools
import json
import os
import shutil
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell")
VARIABLE = "CONVENE_CHROMIUM"
_LARGEST = 64 * 1024 * 1024

_START = """
import os, sys
os.dup2(int(sys.argv[1]), 3), os.dup2(int(sys.argv[2]), 4), os.execv(sys.argv[3], sys.argv[3:])
"""
"""Chromium reads commands from 3 and writes answers to 4."""


def find() -> str | None:
    """The program that `CONVENE_CHROMIUM` names, or one of the usual names; None where there is none."""
    if named := os.environ.get(VARIABLE):
        return named
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """One tab."""

    def __init__(self, browser: "Browser", session: str) -> None:
        self._browser, self._session = browser, session

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited if it is a promise. Raises what the page raises."""
        answer = await self._browser.send(
            "Runtime.evaluate",
            {"expression": expression, "awaitPromise": True, "returnByValue": True, "userGesture": True},
            self._session,
        )
        if problem := answer.get("exceptionDetails"):
            raise AssertionError(problem.get("exception", {}).get("description") or problem["text"])
        return answer["result"].get("value")

    async def until(self, expression: str, timeout: float = 30) -> Any:
        """Its value as soon as that is true."""
        try:
            async with asyncio.timeout(timeout):
                while not (found := await self.evaluate(expression)):
                    await asyncio.sleep(0.05)
                return found
        except TimeoutError:
            text = await self.evaluate("document.body.innerText")
            raise AssertionError(f"not within {timeout} s: {expression}; the page says:\n{text}") from None


class Browser:
    """A process of Chromium, with a profile of its own."""

    def __init__(self, reader: asyncio.StreamReader, into: int) -> None:
        self._reader, self._into = reader, into
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reading = asyncio.create_task(self._read())

    async def page(self, url: str) -> Page:
        target = (await self.send("Target.createTarget", {"url": url}))["targetId"]
        attached = await self.send("Target.attachToTarget", {"targetId": target, "flatten": True})
        page = Page(self, attached["sessionId"])
        await page.until("document.readyState === 'complete' && location.href !== 'about:blank'")
        return page

    async def send(self, method: str, params: dict[str, Any], session: str | None = None) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        os.write(self._into, json.dumps(message).encode() + b"\0")
        async with asyncio.timeout(60):
            found = await answer
        if "error" in found:
            raise AssertionError(f"{method}: {found['error']}")
        return found["result"]

    async def _read(self) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                message = json.loads((await self._reader.readuntil(b"\0"))[:-1])
                waiting = self._waiting.pop(message.get("id", 0), None)
                if waiting and not waiting.done():
                    waiting.set_result(message)

    async def close(self) -> None:
        self._reading.cancel()
        with suppress(asyncio.CancelledError):
            await self._reading


def _above(pipe: tuple[int, int]) -> tuple[int, ...]:
    """The same pipe, out of the way of 3 and 4."""
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in pipe)
    for end in pipe:
        os.close(end)
    return moved


@asynccontextmanager
async def launched(program: str, profile: Path) -> AsyncGenerator[Browser]:
    """A headless browser; its process ends with the block."""
    commands, into = _above(os.pipe())
    out_of, answers = _above(os.pipe())
    reader = asyncio.StreamReader(limit=_LARGEST)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(out_of, "rb"))
    arguments = ["--headless", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage",
                 "--no-proxy-server", "--disable-background-networking", f"--user-data-dir={profile}", "about:blank"]  # fmt: skip
    if os.geteuid() == 0:
        arguments.insert(0, "--no-sandbox")  # its sandbox refuses to run as root
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _START, str(commands), str(answers), program, *arguments,
        pass_fds=(commands, answers), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        env=os.environ | {"HOME": str(profile)},
    )  # fmt: skip
    os.close(commands)
    os.close(answers)
    browser = Browser(reader, into)
    try:
        yield browser
    finally:
        with suppress(Exception):
            await browser.send("Browser.close", {})
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 10)
        if process.returncode is None:
            process.kill()
            await process.wait()
        await browser.close()
        transport.close()
        os.close(into)
