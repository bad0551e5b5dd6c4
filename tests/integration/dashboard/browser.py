"""A browser without scripts: follows links, fills in forms, keeps cookies; it sees what a person would send."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx

VOID = {"input", "meta", "link", "br", "hr", "img"}


@dataclass
class Form:
    action: str
    method: str
    values: dict[str, list[str]] = field(default_factory=dict)
    fields: set[str] = field(default_factory=set)


class Reader(HTMLParser):
    """Forms with what is filled in, elements by tag, the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._select, self._textarea = "", ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.elements.append((tag, found))
        if tag == "form":
            self.forms.append(Form(found.get("action", ""), found.get("method", "get")))
        if not self.forms:
            return
        form, name = self.forms[-1], found.get("name", "")
        if tag in {"input", "select", "textarea"} and name:
            form.fields.add(name)
        if tag == "input" and name:
            chosen = found.get("type") not in {"checkbox", "radio"} or "checked" in found
            if chosen:
                form.values.setdefault(name, []).append(found.get("value", ""))
        elif tag == "select":
            self._select = name
        elif tag == "option" and "selected" in found:
            form.values[self._select] = [found.get("value", "")]
        elif tag == "textarea":
            self._textarea = name
            form.values[name] = [""]

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._textarea = ""

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.forms[-1].values[self._textarea][0] += data
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


class Browser:
    def __init__(self, app: Any) -> None:
        # our own site is in this process; any other that it leads to is on the network
        self._http = httpx.AsyncClient(
            mounts={"all://convene": httpx.ASGITransport(app)},
            base_url="http://convene",
            follow_redirects=True,
            timeout=60,
            trust_env=False,
        )
        self.answer = httpx.Response(200, request=httpx.Request("GET", "http://convene/"))
        self.page = Reader("")

    async def get(self, path: str) -> Reader:
        return self._see(await self._http.get(path))

    async def submit(self, action: str, button: dict[str, str] | None = None, **fields: str | list[str]) -> Reader:
        """Send the form of this page that goes to `action`, with some fields filled in; names must be on the form."""
        form = next(each for each in self.page.forms if each.action == action)
        assert set(fields) <= form.fields, f"no such field: {set(fields) - form.fields}"
        values = form.values | {name: [v] if isinstance(v, str) else v for name, v in fields.items()} | (button or {})
        return self._see(await self._http.post(self.answer.url.join(action), data=values))

    async def post(self, path: str, **fields: str) -> Reader:
        """A form that is on no page of ours."""
        return self._see(await self._http.post(path, data=fields))

    async def sign_in(self, key: str) -> Reader:
        await self.get("/")
        return await self.submit("/sign-in", key=key)

    def _see(self, answer: httpx.Response) -> Reader:
        self.answer = answer
        self.page = Reader(answer.text)
        return self.page

    @property
    def path(self) -> str:
        return self.answer.url.path
