"""Server-sent events: parsed without I/O, so that the sync and the async stream read alike.

Source: WHATWG HTML, section 9.2 "Server-sent events". An `id:` without data still moves the position: the server sends
its heartbeats so, that a stream with a sparse filter does not resume from far behind.
"""

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_TYPE = re.compile(r"^org\.convene\.(?P<name>.+)\.v[0-9]+$")
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Event:
    """One fact of the stream: a CloudEvent, and the position behind it.

    cursor    opaque; resume after this event with it
    content   the CloudEvent: id, source, type, subject, sequence, time, data, ...
    """

    cursor: str | None
    content: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def name(self) -> str:
        """`plan.posted`"""
        return name_of(str(self.content.get("type", "")))

    @property
    def id(self) -> str:
        return str(self.content.get("id", ""))

    @property
    def subject(self) -> str:
        return str(self.content.get("subject", ""))

    @property
    def sequence(self) -> int:
        """The version of the subject after this event."""
        return int(self.content.get("sequence", 0))

    @property
    def time(self) -> str:
        return str(self.content.get("time", ""))

    @property
    def data(self) -> Mapping[str, Any]:
        found = self.content.get("data")
        return found if isinstance(found, Mapping) else {}


def name_of(type_: str) -> str:
    """`plan.posted` for `org.convene.plan.posted.v1`."""
    found = _TYPE.match(type_)
    return found["name"] if found else type_


@dataclass(slots=True)
class Message:
    """One dispatched message of the wire: `event:` and `data:`, with the position in force."""

    event: str
    data: str
    last_id: str | None


class Parser:
    """Feed it lines (without their ends); it gives messages. `last_id` and `retry` are what a resumption needs."""

    def __init__(self, last_id: str | None = None) -> None:
        self.last_id = last_id
        self.retry: float = 3.0
        self._pending_id = last_id
        self._event = ""
        self._data: list[str] = []

    def restart(self) -> None:
        """Forget what was cut off in the middle; the position stays at the last whole message."""
        self._event, self._data, self._pending_id = "", [], self.last_id

    def line(self, line: str) -> Message | None:
        """The message that this line completes, if it does."""
        if not line:
            self.last_id = self._pending_id
            event, data = self._event, self._data
            self._event, self._data = "", []
            return Message(event or "message", "\n".join(data), self.last_id) if data else None
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._pending_id = value
        elif name == "retry" and value.isdigit():
            self.retry = int(value) / 1000
        return None


def event_of(message: Message) -> Event | None:
    """The event in a message; None for the stream's own remarks (`stream.lagged`) and for what is not JSON."""
    try:
        content = json.loads(message.data)
    except ValueError:
        return None
    if not isinstance(content, dict) or "type" not in content:
        return None
    return Event(message.last_id, content)


def events_of_page(page: Mapping[str, Any]) -> Iterator[Event]:
    """The events of one page of `/events`, whose entries are CloudEvents, alone or as `{cursor, event}`."""
    for entry in page.get("data", ()):
        if isinstance(entry, Mapping):
            content = entry.get("event")
            if isinstance(content, Mapping):
                yield Event(entry.get("cursor"), content)
            else:
                yield Event(None, entry)


class Lines:
    """Bytes to lines, ended by LF, CRLF or CR alone: `str.splitlines` would also cut at U+2028 inside the data."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, chunk: bytes) -> list[str]:
        text = self._rest + self._decoder.decode(chunk)
        # a CR at the end may be half of a CRLF
        held = text.endswith("\r")
        *lines, self._rest = _LINE_END.split(text[:-1] if held else text)
        if held:
            self._rest += "\r"
        return lines
