"""Where traces go: to the address that operators are used to giving."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from opentelemetry import trace

from shared import telemetry


@pytest.fixture
def collector() -> Iterator[tuple[str, list[str]]]:
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("end", ["", "/"])
def test_the_path_of_traces_is_added_to_the_base_address(
    collector: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(trace, "set_tracer_provider", lambda _: None)  # other tests keep theirs
    url, paths = collector
    provider = telemetry.setup("test", url + end)
    provider.get_tracer("test").start_span("one").end()
    assert provider.force_flush()
    provider.shutdown()
    assert paths == ["/v1/traces"]
