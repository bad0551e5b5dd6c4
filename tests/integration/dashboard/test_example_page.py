"""The example of a dashboard on somebody else's site (docs/how-to/dashboard.html), in a real Chromium, across origins."""

import asyncio
import functools
import json
import secrets
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
import pytest_asyncio
import uvicorn

from tests.integration.dashboard.conftest import House
from tests.support.chromium import Browser, Page, launched

HOW_TO = Path(__file__).parents[3] / "docs" / "how-to"
PLAN = {"type": "training", "venues": [{"city": "Suva", "country": "Fiji"}], "tlp": "GREEN"}


FAULTS = {
    "no resume": 'if (lastId) where.searchParams.set("last_event_id", lastId);',
    "no version check": "if (held && held.version >= version) return false;",
}
"""What somebody may leave out of a page of their own: served without it under `?fault=`."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Somebody's web server with the page, an origin of its own; its URL."""

    class Quiet(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            _, _, fault = unquote(self.path).partition("?fault=")
            if not fault:
                super().do_GET()
                return
            text = (HOW_TO / "dashboard.html").read_text()
            assert text.count(FAULTS[fault]) == 1
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(text.replace(FAULTS[fault], "").encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(HOW_TO)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


class Line:
    """The network between the page and Convene: it can be cut, and mended."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Every connection breaks off wherever it is, and none can be made."""
        assert self._server
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection("127.0.0.1", self._to)
        await asyncio.gather(self._pass(reader, onward), self._pass(there, writer))

    async def _pass(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        self._open.add(to)
        with suppress(OSError):
            while data := await source.read(4096):
                to.write(data)
                await to.drain()
        self._open.discard(to)
        to.transport.abort()


@pytest_asyncio.fixture(loop_scope="module")
async def line(house: House) -> AsyncGenerator[Line]:
    server = uvicorn.Server(
        uvicorn.Config(
            house.app, host="127.0.0.1", port=0, lifespan="off", log_level="error", timeout_graceful_shutdown=1
        )
    )
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    made = Line(server.servers[0].sockets[0].getsockname()[1])
    await made.mend()
    yield made
    await made.cut()
    server.should_exit = True
    await asyncio.wait_for(serving, 20)


@pytest_asyncio.fixture(loop_scope="module")
async def browser(chromium: str, tmp_path: Path) -> AsyncGenerator[Browser]:
    async with launched(chromium, tmp_path / "profile") as one:
        yield one


async def key_for(house: House, *origins: str) -> str:
    """A key of an own person's that pages of these origins may use."""
    name = f"reader-{len(house.keys)}"
    await house.join(name, roles=["reader"], partners=["unodc"])
    headers = {"Authorization": f"Bearer {house.keys[name]}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(house.app), base_url="http://convene") as http:
        answer = await http.post("/api/v1/keys", json={"scopes": ["read"], "origins": list(origins)}, headers=headers)
    key = str(answer.json()["key"])
    await house.known(key)
    return key


async def post(house: House, *titles: str) -> None:
    for title in titles:
        await house.client("ian").plans.post(title=title, **PLAN)


async def sign_in(page: Page, line: Line, key: str) -> None:
    await page.evaluate(
        f"""(() => {{
            const form = document.getElementById("sign-in");
            form.elements.address.value = "http://127.0.0.1:{line.port}/";
            form.elements.key.value = {json.dumps(key)};
            form.requestSubmit();
        }})()"""
    )


LIVE = 'document.getElementById("state").textContent === "Live."'
PLANS = '[...document.querySelectorAll("#plans tr td:nth-child(2)")].map((each) => each.textContent)'
HAPPENED = '[...document.querySelectorAll("#happened li")].reverse().map((each) => each.textContent)'


def has(title: str) -> str:
    return f"{PLANS}.includes({json.dumps(title)})"


@pytest.mark.asyncio(loop_scope="module")
async def test_it_shows_what_is_there_and_what_comes_through_cuts_too(
    house: House, line: Line, site: str, browser: Browser
) -> None:
    await post(house, "There before <b>anybody</b> looked")
    page = await browser.page(f"{site}/dashboard.html")
    await sign_in(page, line, await key_for(house, site))
    await page.until(LIVE)
    await page.until(has("There before <b>anybody</b> looked"))  # as it was typed: text, not markup
    assert await page.evaluate(HAPPENED) == []

    await post(house, "While it looks")
    await page.until(has("While it looks"))
    posted = ["While it looks"]
    for number in range(3):
        await line.cut()
        await page.until(f"!({LIVE})")
        missed = [f"Missed {number}, {each}" for each in ("first", "second")]
        await post(house, *missed)
        await line.mend()
        await page.until(LIVE)
        await post(house, f"After cut {number}")
        posted += [*missed, f"After cut {number}"]
        await page.until(has(posted[-1]))
    for title in posted:
        await page.until(has(title))
    # nothing lost, nothing twice; of different plans there is no order
    assert sorted(await page.evaluate(HAPPENED)) == sorted(f"plan.posted: {title}" for title in posted)
    shown = await page.evaluate(PLANS)
    assert len(shown) == len(set(shown))
    await page.until(has(await missed_in_a_cut(house, line, page)))


async def missed_in_a_cut(house: House, line: Line, page: Page) -> str:
    """The title of what was posted while the page was cut off; what was posted after it is there already."""
    before, missed, after = (secrets.token_hex(8) for _ in range(3))
    await post(house, before)  # who has had no event yet has no position, and begins with the lists
    await page.until(has(before))
    await line.cut()
    await page.until(f"!({LIVE})")
    await post(house, missed)
    await line.mend()
    await page.until(LIVE)
    await post(house, after)
    await page.until(has(after))
    return missed


async def changed_while_the_lists_were_read(house: House, line: Line, page: Page, key: str) -> str:
    """The newer title of a plan that was changed after the list was read, and before it got to the page."""
    plan = await house.client("ian").plans.post(title=secrets.token_hex(8), **PLAN)
    newer = secrets.token_hex(8)
    await page.evaluate(
        """(() => { const ask = fetch; window.fetch = async (address, more) => {
            const answer = await ask(address, more);
            if (String(address).includes("/plans?")) await new Promise((done) => { window.deliver = done; });
            return answer; }; })()"""
    )
    await sign_in(page, line, key)
    await page.until("Boolean(window.deliver)")
    await house.client("ian").plans.amend(str(plan.id), {"title": newer})
    await page.until(has(newer))
    await page.evaluate("window.deliver()")
    await page.until(LIVE)
    return newer


@pytest.mark.asyncio(loop_scope="module")
async def test_a_list_that_comes_late_does_not_undo_what_is_newer(
    house: House, line: Line, site: str, browser: Browser
) -> None:
    page = await browser.page(f"{site}/dashboard.html")
    newer = await changed_while_the_lists_were_read(house, line, page, await key_for(house, site))
    assert await page.evaluate(has(newer))


@pytest.mark.asyncio(loop_scope="module")
async def test_a_page_that_leaves_out_a_rule_is_found_out(
    house: House, line: Line, site: str, browser: Browser
) -> None:
    """The looks of the tests above, at pages without the resuming, and without the comparing of versions."""
    key = await key_for(house, site)
    page = await browser.page(f"{site}/dashboard.html?fault=no%20resume")
    await sign_in(page, line, key)
    await page.until(LIVE)
    missed = await missed_in_a_cut(house, line, page)
    with pytest.raises(AssertionError, match="not within"):
        await page.until(has(missed), timeout=2)
    page = await browser.page(f"{site}/dashboard.html?fault=no%20version%20check")
    await page.evaluate("sessionStorage.clear()")
    newer = await changed_while_the_lists_were_read(house, line, page, key)
    assert not await page.evaluate(has(newer))


@pytest.mark.asyncio(loop_scope="module")
async def test_what_leaves_its_readers_sight_leaves_the_page(
    house: House, line: Line, site: str, browser: Browser
) -> None:
    plan = await house.client("ian").plans.post(title="Shown for a while", **PLAN)
    page = await browser.page(f"{site}/dashboard.html")
    await sign_in(page, line, await key_for(house, site))
    await page.until(has("Shown for a while"))
    await page.until(LIVE)
    await house.client("ian").plans.amend(str(plan.id), {"tlp": "AMBER+STRICT"})
    await page.until(f"!{has('Shown for a while')}")
    assert await page.evaluate(HAPPENED) == ["no longer for you: Shown for a while"]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_revoked_key_ends_the_page(house: House, line: Line, site: str, browser: Browser) -> None:
    await post(house, "For those who are signed in")
    key = await key_for(house, site)
    page = await browser.page(f"{site}/dashboard.html")
    await sign_in(page, line, key)
    await page.until(LIVE)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(house.app), base_url="http://convene") as http:
        headers = {"Authorization": f"Bearer {key}"}
        for each in (await http.get("/api/v1/keys", headers=headers)).json()["data"]:
            if each["origins"]:
                await http.post(f"/api/v1/keys/{each['id']}:revoke", headers=headers)
    await post(house, "After the key")
    await page.until('document.getElementById("state").textContent.startsWith("Refused")')
    assert await page.evaluate(PLANS) == []
    assert await page.evaluate("sessionStorage.length") == 0


@pytest.mark.asyncio(loop_scope="module")
async def test_a_page_of_another_site_gets_nothing_with_the_key(
    house: House, line: Line, site: str, browser: Browser
) -> None:
    page = await browser.page(f"{site}/dashboard.html")
    await sign_in(page, line, await key_for(house, "https://dashboard.example.org"))
    await page.until('document.getElementById("state").textContent.startsWith("Cut off")')
    assert await page.evaluate(PLANS) == []
