"""A strict reader of iCalendar files (RFC 5545), written from the RFC alone: a second opinion beside the library."""

import re

Component = tuple[str, list[tuple[str, dict[str, str], str]], list["Component"]]
"""Name, properties (name, parameters, value as it stands), components inside."""

_LINE = re.compile(
    r'(?P<name>[A-Z0-9-]+)(?P<parameters>(?:;[A-Z0-9-]+=(?:"[^"]*"|[^";:,]*))*):(?P<value>.*)', re.DOTALL
)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_ESCAPED = {"\\\\": "\\", "\\;": ";", "\\,": ",", "\\n": "\n", "\\N": "\n"}


def unfolded(raw: bytes) -> list[str]:
    """The content lines. Raises AssertionError for what the RFC does not allow (section 3.1)."""
    assert raw.endswith(b"\r\n"), "the last line has an end, too"
    assert b"\n" not in raw.replace(b"\r\n", b""), "a line ends with CR LF"
    assert b"\r" not in raw.replace(b"\r\n", b""), "no CR alone"
    physical = raw[:-2].split(b"\r\n")
    for line in physical:
        assert 0 < len(line) <= 75, (len(line), line)
        line.decode()  # no character is cut in two
    text = raw.decode()
    lines = re.sub(r"\r\n[ \t]", "", text)[:-2].split("\r\n")
    for line in lines:
        assert not _CONTROL.search(line), line
    return lines


def read(raw: bytes) -> Component:
    """The one calendar of the file."""
    stack: list[Component] = [("", [], [])]
    for line in unfolded(raw):
        found = _LINE.fullmatch(line)
        assert found, line
        name, value = found["name"], found["value"]
        if name == "BEGIN":
            stack.append((value, [], []))
        elif name == "END":
            made = stack.pop()
            assert made[0] == value, line
            stack[-1][2].append(made)
        else:
            pairs = re.findall(r';([A-Z0-9-]+)=("[^"]*"|[^";:,]*)', found["parameters"])
            stack[-1][1].append((name, dict(pairs), value))
    ((_, properties, (calendar,)),) = stack
    assert calendar[0] == "VCALENDAR"
    assert not properties
    assert calendar[2], "a calendar has at least one component (section 3.4)"
    return calendar


def events(raw: bytes) -> list[dict[str, str]]:
    """The events: property -> value, texts without their escapes. No property stands twice."""
    _, _, inside = read(raw)
    found: list[dict[str, str]] = []
    for name, properties, _ in inside:
        if name != "VEVENT":
            continue
        names = [each for each, _, _ in properties]
        assert len(set(names)) == len(names), names
        assert {"UID", "DTSTAMP", "DTSTART"} <= set(names)
        found.append({each: value if each == "URL" else unescaped(value) for each, _, value in properties})
    return found


def unescaped(text: str) -> str:
    assert not re.search(r"(?<!\\)(?:\\\\)*\\[^\\;,nN]", text), text
    return re.sub(r"\\[\\;,nN]", lambda found: _ESCAPED[found[0]], text)
