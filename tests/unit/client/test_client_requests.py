"""What the client sends again, what it does not, and what it says when the server refuses."""

import httpx
import pytest
from convene import AsyncConvene, Convene, ConveneError, Unreachable

PLAN = {"id": "plan_1", "version": 1, "title": "x"}
INVALID = {
    "type": "/problems/invalid",
    "title": "Some of what was sent is not valid",
    "status": 422,
    "detail": "no",
    "errors": [{"pointer": "#/start", "code": "date", "detail": "is not a date"}],
}


class Server:
    """Answers in turn; remembers what was asked. An exception in the list is raised."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers, self.requests = list(answers), list[httpx.Request]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, **options) -> Convene:
        return Convene("http://test", "cvn_key", transport=httpx.MockTransport(self), **options)


def busy() -> httpx.Response:
    return httpx.Response(503, json={"title": "Not available"}, headers={"Retry-After": "0"})


def test_a_post_is_sent_again_with_the_same_idempotency_key() -> None:
    server = Server(busy(), httpx.ReadTimeout("lost"), httpx.Response(201, json=PLAN, headers={"ETag": '"1-a"'}))
    plan = server.client().plans.post(title="x", type="training")
    assert (plan.id, plan.etag) == ("plan_1", '"1-a"')
    assert len({request.headers["Idempotency-Key"] for request in server.requests}) == 1
    assert len(server.requests) == 3


def test_two_posts_never_share_a_key_unless_the_caller_says_so() -> None:
    server = Server(httpx.Response(201, json=PLAN))
    client = server.client()
    client.plans.post(title="x", type="training")
    client.plans.post(title="x", type="training")
    client.plans.post(title="x", type="training", key="mine")
    keys = [request.headers["Idempotency-Key"] for request in server.requests]
    assert keys[0] != keys[1]
    assert keys[2] == "mine"


def test_a_change_that_may_have_arrived_is_not_sent_again() -> None:
    server = Server(httpx.ReadTimeout("lost"))
    with pytest.raises(Unreachable):
        server.client().plans.amend("plan_1", {"title": "y"}, etag='"1-a"')
    assert len(server.requests) == 1


def test_a_change_that_cannot_have_arrived_is() -> None:
    server = Server(httpx.ConnectError("refused"), httpx.Response(200, json=PLAN))
    server.client().plans.amend("plan_1", {"title": "y"}, etag='"1-a"')
    assert [request.headers["If-Match"] for request in server.requests] == ['"1-a"'] * 2
    assert server.requests[0].headers["Content-Type"] == "application/merge-patch+json"


def test_without_an_etag_the_present_version_is_amended() -> None:
    server = Server(
        httpx.Response(200, json=PLAN, headers={"ETag": '"7-b"'}), httpx.Response(200, json=PLAN | {"version": 8})
    )
    assert server.client().plans.amend("plan_1", {"title": "y"}).version == 8
    assert server.requests[1].headers["If-Match"] == '"7-b"'


def test_a_refusal_names_the_fields() -> None:
    with pytest.raises(ConveneError) as caught:
        Server(httpx.Response(422, json=INVALID)).client().plans.post(title="x", type="training")
    assert caught.value.kind == "invalid"
    assert caught.value.fields == [("#/start", "is not a date")]
    assert "#/start: is not a date" in str(caught.value)


def test_an_answer_that_is_no_problem_still_is_an_error() -> None:
    server = Server(httpx.Response(502, text="<h1>Bad gateway</h1>"))
    with pytest.raises(ConveneError, match="502"):
        server.client(tries=1).plans.get("plan_1")


def test_a_list_fetches_its_pages_as_it_is_read() -> None:
    pages = [
        httpx.Response(200, json={"data": [PLAN, PLAN | {"id": "plan_2"}], "next_cursor": "c"}),
        httpx.Response(200, json={"data": [PLAN | {"id": "plan_3"}], "next_cursor": None}),
    ]
    server = Server(*pages)
    found = server.client().plans.list(country=["KEN", "UGA"], start_gte="2027-01-01")
    assert next(found).id == "plan_1"
    assert len(server.requests) == 1
    assert [plan.id for plan in found] == ["plan_2", "plan_3"]
    assert dict(server.requests[1].url.params) == {"country": "KEN,UGA", "start.gte": "2027-01-01", "cursor": "c"}


def test_nobody_there_is_not_a_refusal() -> None:
    with pytest.raises(Unreachable, match="http://test"):
        Server(httpx.ConnectError("refused")).client(tries=2).plans.get("plan_1")


def test_ids_cannot_escape_their_path() -> None:
    server = Server(httpx.Response(200, json=PLAN))
    server.client().plans.get("../keys?x=1")
    assert server.requests[0].url.raw_path == b"/api/v1/plans/..%2Fkeys%3Fx%3D1"


async def test_the_async_client_is_the_same() -> None:
    server = Server(busy(), httpx.Response(201, json={"id": "dec_1", "verdict": "link"}))
    async with AsyncConvene("http://test", "k", transport=httpx.MockTransport(server)) as client:
        made = await client.alerts.decide("alrt_1", "link", plans=["plan_1", "plan_2"], etag='"1-a"')
    assert made.verdict == "link"
    assert [request.headers["If-Match"] for request in server.requests] == ['"1-a"', '"1-a"']


def test_both_clients_offer_the_same_names() -> None:
    sync, asynchronous = Convene("http://test"), AsyncConvene("http://test")
    for name, group in vars(sync).items():
        if not name.startswith("_") and name not in {"http", "base_url"}:
            mine = {each for each in dir(group) if not each.startswith("_")}
            assert mine == {each for each in dir(getattr(asynchronous, name)) if not each.startswith("_")}, name
    sync.close()
