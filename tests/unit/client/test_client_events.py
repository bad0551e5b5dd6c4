"""Server-sent events as the wire brings them: cut anywhere, with heartbeats, with odd line ends."""

import json

import pytest
from convene.events import Lines, Parser, event_of, events_of_page


def cloudevent(number: int, title: str = "x") -> dict:
    return {
        "id": f"evt_{number}",
        "type": "org.convene.plan.posted.v1",
        "subject": "plan_1",
        "sequence": str(number),
        "data": {"title": title},
    }


def wire(number: int, title: str = "x", end: str = "\n") -> str:
    data = json.dumps(cloudevent(number, title), ensure_ascii=False)
    return f"id: c{number}{end}event: plan.posted{end}data: {data}{end}{end}"


def read(parser: Parser, text: bytes, size: int) -> list:
    lines, found = Lines(), []
    for start in range(0, len(text), size):
        for line in lines.feed(text[start : start + size]):
            message = parser.line(line)
            event = event_of(message) if message else None
            if event:
                found.append(event)
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_events_come_whole_however_the_bytes_are_cut(size: int, end: str) -> None:
    text = (wire(1, "Формация", end) + wire(2, "两", end) + wire(3, end=end)).encode()
    found = read(Parser(), text + b": end\n", size)
    assert [(each.cursor, each.name, each.sequence) for each in found] == [
        ("c1", "plan.posted", 1),
        ("c2", "plan.posted", 2),
        ("c3", "plan.posted", 3),
    ]
    assert found[0].data["title"] == "Формация"


def test_line_separators_inside_a_title_do_not_cut_the_event() -> None:
    title = "one\u2028two\u0085three\x0bfour"
    text = f'id: c1\ndata: {{"type": "t", "data": {{"title": "{title[:8]}"}}}}\n\n'.encode()
    (event,) = read(Parser(), text, 5)
    assert event.data["title"] == title[:8]


def test_a_heartbeat_with_an_id_moves_the_position() -> None:
    parser = Parser()
    assert read(parser, wire(1).encode() + b": hb\nid: c9\n\n", 100)
    assert parser.last_id == "c9"


def test_an_event_cut_off_in_the_middle_is_not_the_position() -> None:
    parser = Parser()
    read(parser, wire(1).encode() + b'id: c2\nevent: plan.posted\ndata: {"type": "half"}\n', 100)
    parser.restart()
    assert parser.last_id == "c1"
    assert [each.cursor for each in read(parser, wire(2).encode(), 100)] == ["c2"]


def test_remarks_of_the_stream_are_not_events() -> None:
    assert read(Parser(), b"event: stream.lagged\ndata: {}\n\ndata: not json\n\n", 100) == []


def test_pages_hold_events_alone_or_with_their_cursor() -> None:
    page = {"data": [cloudevent(1), {"cursor": "c2", "event": cloudevent(2)}]}
    assert [(each.cursor, each.sequence) for each in events_of_page(page)] == [(None, 1), ("c2", 2)]
