"""What can go wrong: the server refused (`ConveneError`) or could not be reached (`Unreachable`)."""

from collections.abc import Mapping
from typing import Any

import httpx


class ConveneError(Exception):
    """The server's answer was no.

    status    HTTP status
    problem   the RFC 9457 problem: `type`, `title`, `detail`, `errors` [{pointer, code, detail}], `trace_id`
    `str()` gives the detail and one line for each field, with its pointer.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = dict(problem)
        super().__init__(self._text())

    @property
    def kind(self) -> str:
        """The last part of the problem's type: `invalid`, `stale`, `not-found`, ..."""
        return str(self.problem.get("type", "")).rsplit("/", 1)[-1]

    @property
    def fields(self) -> list[tuple[str, str]]:
        """(pointer, what is wrong) for each field that the server named: `("#/venues/0/country", "...")`."""
        found: list[tuple[str, str]] = []
        for each in self.problem.get("errors") or ():
            if isinstance(each, Mapping):
                found.append((str(each.get("pointer", "")), str(each.get("detail") or each.get("code", ""))))
        return found

    def _text(self) -> str:
        title = str(self.problem.get("title") or "the request was refused")
        detail = str(self.problem.get("detail") or "")
        lines = [f"{self.status} {title}" + (f": {detail}" if detail and not self.fields else "")]
        lines += [f"  {pointer}: {said}" for pointer, said in self.fields]
        if self.status >= 500 and self.problem.get("trace_id"):
            lines.append(f"  trace id: {self.problem['trace_id']}")
        return "\n".join(lines)


class Unreachable(Exception):
    """No answer from the server after all tries; whether a request had an effect is not known."""


def error_of(response: httpx.Response) -> ConveneError:
    """The error in an answer >= 400, whatever produced it (a proxy may answer with a page)."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {"title": response.reason_phrase or "error", "detail": response.text[:200]}
    return ConveneError(response.status_code, problem)
