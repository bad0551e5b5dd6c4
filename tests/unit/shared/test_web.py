"""The edge against bad input: whatever comes, the answer is a problem that names the field or the limit, and no 5xx."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Query
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from shared.problem import MEDIA_TYPE, Problem, invalid
from shared.web import MAX_DEPTH, MAX_PARAMETERS, StrictRoute, make_app, read_json
from tests.unit.shared.spans import collected

LIMIT = 100_000
SECRET = "Jane Roe, +44 20 7946 0000"


class Venue(BaseModel):
    model_config = ConfigDict(extra="forbid")
    country: str = Field(pattern="^[A-Z]{3}$")


class Toy(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: str = Field(max_length=50)
    count: int = 0
    venues: list[Venue] = []
    notes: dict[str, Any] = {}


def toy_app() -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    app = make_app("Toys", "For tests", lifespan, max_body_bytes=LIMIT)
    router = APIRouter(prefix="/toys", route_class=StrictRoute)

    @router.post("", status_code=201)
    async def make(toy: Toy) -> Toy:
        return toy

    @router.get("")
    async def find(colour: Annotated[str | None, Query(max_length=10)] = None, limit: int = 5) -> dict[str, Any]:
        return {"colour": colour, "limit": limit}

    @router.get("/{toy}")
    async def read(toy: str) -> dict[str, str]:
        return {"id": toy}

    @router.post("/{toy}:crash")
    async def crash(toy: str) -> None:
        raise ZeroDivisionError(f"{SECRET} {toy}")

    @router.post("/{toy}:refuse")
    async def refuse(toy: str) -> None:
        raise invalid("#/venues/0/country", "unknown_code", "not a country")

    @router.post("/{toy}:locked")
    async def locked(toy: str) -> None:
        import sqlite3

        raise OperationalError("UPDATE toys", {"name": SECRET}, sqlite3.OperationalError("database is locked"))

    @router.post("/{toy}:away")
    async def away(toy: str) -> None:
        raise ConnectionRefusedError(SECRET)

    @router.get("/{toy}/story")
    async def story(toy: str) -> StreamingResponse:
        async def tell() -> AsyncIterator[bytes]:
            yield b"once upon a time"
            raise ZeroDivisionError(SECRET)

        return StreamingResponse(tell())

    app.include_router(router)
    return app


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Crashes are logged with a traceback; drawing it in colour takes seconds."""
    with capture_logs():
        yield


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(toy_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://toys") as made:
        yield made


def problem(answer: httpx.Response, status: int, kind: str) -> list[dict[str, str]]:
    """Checks the form of a problem and gives its errors."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    body = answer.json()
    assert (body["status"], body["type"]) == (status, f"/problems/{kind}")
    assert body["title"]
    assert body["detail"]
    return body.get("errors", [])


async def send(client: httpx.AsyncClient, raw: bytes | str, media_type: str = "application/json") -> httpx.Response:
    return await client.post("/toys", content=raw, headers={"Content-Type": media_type})


async def test_what_is_right_goes_through(client: httpx.AsyncClient) -> None:
    toy = {"title": "Kreisel 🪀 ü", "count": 3, "venues": [{"country": "KEN"}], "notes": {"a": [1, 2.5, None, True]}}
    answer = await client.post("/toys", json=toy)
    assert (answer.status_code, answer.json()) == (201, toy)
    assert (await send(client, json.dumps(toy), "application/merge-patch+json; charset=utf-8")).status_code == 201
    assert (await client.get("/toys", params={"colour": "rot"})).json() == {"colour": "rot", "limit": 5}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/toys", 200), ("GET", "/nowhere", 404), ("GET", "/toys?x=1", 400), ("POST", "/toys/1:crash", 500),
     ("PUT", "/toys", 405), ("POST", "/toys", 422)],
)  # fmt: skip
async def test_no_answer_is_taken_for_a_page(client: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    """Whatever people typed into it: data, whose type is not guessed, and which no page shows inside itself."""
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["referrer-policy"] == "no-referrer"


async def test_an_unknown_field_is_named(client: httpx.AsyncClient) -> None:
    toy = {"title": "t", "colour": "red", "venues": [{"country": "KEN", "a/b~c": 1}]}
    errors = problem(await client.post("/toys", json=toy), 422, "invalid")
    assert {(error["pointer"], error["code"]) for error in errors} == {
        ("#/colour", "extra_forbidden"),
        ("#/venues/0/a~1b~0c", "extra_forbidden"),
    }


async def test_every_wrong_field_is_named_and_no_input_repeated(client: httpx.AsyncClient) -> None:
    toy = {"title": SECRET * 3, "count": "many", "venues": [{"country": "KEN"}, {"country": SECRET}]}
    answer = await client.post("/toys", json=toy)
    assert [error["pointer"] for error in problem(answer, 422, "invalid")] == [
        "#/title",
        "#/count",
        "#/venues/1/country",
    ]
    assert SECRET not in answer.text


async def test_a_missing_body_is_named(client: httpx.AsyncClient) -> None:
    assert [error["pointer"] for error in problem(await client.post("/toys"), 422, "invalid")] == ["#"]
    assert problem(await send(client, "null"), 422, "invalid")[0]["pointer"] == "#"
    assert problem(await send(client, "[]"), 422, "invalid")[0]["pointer"] == "#"


async def test_an_unknown_parameter_is_named_and_the_known_ones_are_listed(client: httpx.AsyncClient) -> None:
    answer = await client.get("/toys", params={"color": "red", "size": "1"})
    errors = problem(answer, 400, "unknown-parameter")
    assert [error["pointer"] for error in errors] == ["?color", "?size"]
    assert errors[0]["detail"] == "known parameters: colour, limit"
    assert "known: colour, limit" in answer.json()["detail"]
    assert problem(await client.get("/toys/toy_1?x"), 400, "unknown-parameter")[0]["detail"] == "known parameters: none"
    assert problem(await client.post("/toys?dry_run=1", json={"title": "t"}), 400, "unknown-parameter")


async def test_a_wrong_parameter_is_named(client: httpx.AsyncClient) -> None:
    for query, pointer in (("limit=many", "?limit"), ("colour=much-too-long-a-word", "?colour")):
        assert problem(await client.get(f"/toys?{query}"), 400, "malformed")[0]["pointer"] == pointer
    assert problem(await client.get("/toys?colour=a%00b"), 400, "malformed")[0]["pointer"] == "?colour"


async def test_too_many_parameters_are_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/toys?" + "&".join(["colour=a"] * (MAX_PARAMETERS + 1)))
    assert str(MAX_PARAMETERS) in problem(answer, 400, "malformed")[0]["detail"]


@pytest.mark.parametrize(
    ("raw", "pointer", "said"),
    [
        pytest.param(b'{"title": "t"', "#", "not JSON", id="broken"),
        pytest.param(b'{"title": "t",}', "#", "not JSON", id="comma"),
        pytest.param(b"title=t", "#", "not JSON", id="no-json"),
        pytest.param(b'{"title": "\xff\xfe"}', "#", "not UTF-8", id="bytes"),
        pytest.param(b'{"title": "a", "title": "b"}', "#", "'title' stands twice", id="twice"),
        pytest.param(b'{"title": "a", "notes": {"b": {"c": 1, "c": 1}}}', "#", "'c' stands twice", id="twice-below"),
        pytest.param(b'{"title": "t", "count": NaN}', "#", "NaN is not JSON", id="nan"),
        pytest.param(b'{"title": "t", "notes": {"a": -Infinity}}', "#", "-Infinity is not JSON", id="infinity"),
        pytest.param(b'{"title": "t", "notes": {"a": 1e999}}', "#/notes/a", "not a finite", id="overflow"),
        pytest.param(b'{"title": "t", "count": 9223372036854775808}', "#/count", "64 bits", id="big"),
        pytest.param(b'{"title": "t", "count": ' + b"9" * 5000 + b"}", "#", "too long", id="endless"),
        pytest.param(b"[" * 60_000, "#", "nested too deeply", id="deep-open"),
        pytest.param(b'{"title":' + b"[" * 40 + b"]" * 40 + b"}", "#/title" + "/0" * MAX_DEPTH, "deeper", id="deep"),
        pytest.param(b'{"title": "a\\u0000b"}', "#/title", "NUL", id="nul"),
        pytest.param(b'{"title": "t", "notes": {"a\\u0000": 1}}', "#/notes", "NUL", id="nul-name"),
        pytest.param(b'{"title": "\\ud800"}', "#/title", "lone surrogate", id="surrogate"),
        pytest.param(b'{"title": "\\udc00\\ud800"}', "#/title", "lone surrogate", id="surrogates-reversed"),
        pytest.param(b'{"title": "\xed\xa0\x80"}', "#/title", "lone surrogate", id="surrogate-raw"),
        pytest.param(b'{"title": "t", "notes": {"\\ud800": {"b": 1}}}', "#/notes", "surrogate", id="surrogate-name"),
    ],
)
async def test_what_is_no_sound_json_is_refused(client: httpx.AsyncClient, raw: bytes, pointer: str, said: str) -> None:
    answer = await send(client, raw)
    assert answer.status_code in (400, 422)
    (error,) = problem(answer, answer.status_code, "malformed" if answer.status_code == 400 else "invalid")
    assert error["pointer"] == pointer
    assert said in error["detail"]


async def test_depth_up_to_the_limit_is_fine(client: httpx.AsyncClient) -> None:
    inner: Any = 1
    for _ in range(MAX_DEPTH - 2):
        inner = [inner]
    assert (await client.post("/toys", json={"title": "t", "notes": {"a": inner}})).status_code == 201


async def test_an_astral_character_written_as_a_pair_is_one_character(client: httpx.AsyncClient) -> None:
    answer = await send(client, b'{"title": "\\ud83e\\ude80"}')
    assert answer.json()["title"] == "🪀"


def test_a_large_object_with_one_name_twice_is_refused_in_one_pass() -> None:
    """Counting each name would take hours for this one, and hold the loop for everybody."""
    names = [f'"{n}":1' for n in range(300_000)]
    with pytest.raises(RequestValidationError) as caught:
        read_json(("{" + ",".join([*names, names[-1]]) + "}").encode())
    assert "'299999' stands twice" in caught.value.errors()[0]["msg"]


async def test_a_body_beyond_the_limit_is_refused_by_its_declared_size(client: httpx.AsyncClient) -> None:
    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        raise AssertionError("the body must not be read")

    answer = await client.post(
        "/toys", content=never(), headers={"Content-Length": "10000000", "Content-Type": "application/json"}
    )
    assert problem(answer, 413, "too-large")[0]["pointer"] == "#"
    assert answer.json()["limit_bytes"] == LIMIT
    assert str(LIMIT) in answer.json()["detail"]


async def test_a_body_beyond_the_limit_is_refused_while_it_streams(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(10_000):
            sent += 1000
            yield b"x" * 1000

    answer = await client.post("/toys", content=endless(), headers={"Content-Type": "application/json"})
    problem(answer, 413, "too-large")
    assert answer.json()["limit_bytes"] == LIMIT
    assert sent < 3 * LIMIT, "10 MB must not be read before they are refused"


async def test_a_body_at_the_limit_is_read(client: httpx.AsyncClient) -> None:
    raw = json.dumps({"title": "t", "notes": {"a": ""}})
    filled = raw.replace('""', '"' + "x" * (LIMIT - len(raw)) + '"')
    assert len(filled) == LIMIT
    assert (await send(client, filled)).status_code == 201
    problem(await send(client, filled + " "), 413, "too-large")


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_another_media_type_is_refused(client: httpx.AsyncClient, media_type: str) -> None:
    answer = await send(client, b'{"title": "t"}', media_type)
    assert problem(answer, 415, "unsupported-media-type")[0]["pointer"] == "Content-Type"


async def test_what_does_not_exist(client: httpx.AsyncClient) -> None:
    problem(await client.get("/nothing"), 404, "not-found")
    answer = await client.delete("/toys")
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"]
    problem(await client.get("/toys/a%00b"), 404, "not-found")


async def test_a_refusal_of_the_domain_names_the_field(client: httpx.AsyncClient) -> None:
    errors = problem(await client.post("/toys/toy_1:refuse"), 422, "invalid")
    assert errors == [{"pointer": "#/venues/0/country", "code": "unknown_code", "detail": "not a country"}]


async def test_a_crash_tells_nothing_but_the_trace_id(client: httpx.AsyncClient) -> None:
    with collected() as spans:
        answer = await client.post("/toys/toy_1:crash")
    assert problem(answer, 500, "internal") == []
    assert SECRET not in answer.text
    assert "ZeroDivision" not in answer.text
    (span,) = spans.get_finished_spans()
    assert span.context is not None
    assert answer.json()["trace_id"] == f"{span.context.trace_id:032x}"
    assert SECRET not in span.to_json()


async def test_a_span_tells_the_route_and_not_what_was_asked_for(client: httpx.AsyncClient) -> None:
    with collected() as spans:
        await client.get("/toys/toy_1")
        await client.get("/toys", params={"colour": "purple"})
        await client.get("/toys", params={"nobody": "purple"})
    assert [span.name for span in spans.get_finished_spans()] == ["GET /toys/{toy}", "GET /toys", "GET /toys"]
    assert not any("purple" in span.to_json() for span in spans.get_finished_spans())


@pytest.mark.parametrize("verb", ["locked", "away"])
async def test_a_database_that_is_away_is_a_503_to_be_tried_again(client: httpx.AsyncClient, verb: str) -> None:
    answer = await client.post(f"/toys/toy_1:{verb}")
    problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert SECRET not in answer.text


async def test_a_crash_in_the_middle_of_an_answer_ends_it(client: httpx.AsyncClient) -> None:
    """Too late for a problem: the connection breaks, so that nobody takes the half for the whole."""
    with pytest.raises(ZeroDivisionError):
        await client.get("/toys/toy_1/story")


def test_a_problem_says_its_status_once() -> None:
    made = Problem("stale", "If-Match: old", extra={"version": 7}).as_json("0af7")
    assert (made["status"], made["version"], made["trace_id"]) == (412, 7, "0af7")
    assert "errors" not in made
