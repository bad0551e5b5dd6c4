"""What `convene up` does: hold the folder, serve, tell where, load the demo if asked."""

import json
import os
from datetime import datetime
from typing import Any

from infra.cli.output import REFUSED, Failure, command, hint, json_line
from infra.cli.session import DEMO_KEYS, SERVING
from infra.data import DataFolder
from infra.embedded import embedded
from infra.server import listen, run, url_of
from shared import logs, telemetry

CLOCK_START = "CONVENE_CLOCK_START"


def clock_start() -> datetime | None:
    """The demo's start from the environment. Raises Failure for what is no instant."""
    text = os.environ.get(CLOCK_START)
    if not text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise Failure(f"{CLOCK_START}={text}: write an instant such as 2017-04-03T08:00:00Z") from error


def run_up(data: DataFolder, host: str, port: int, *, demo: bool, as_json: bool) -> None:
    """Serve until a signal. Raises DataFolderBusy, WrongClock or AddressInUse before anything has started."""
    logs.setup(os.environ.get("CONVENE_LOG_FORMAT", "console"), os.environ.get("CONVENE_LOG_LEVEL", "WARNING"))
    telemetry.setup("convene", os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"))
    with data.lock(), listen(host, port) as listening:
        whole = embedded(data, clock_start=clock_start())
        url = url_of(listening)

        async def started() -> None:
            announce(data, url, "up")
            if not demo:
                tell(data, url, as_json)
                return
            await load(data, url, as_json)

        try:
            served = run(whole.app, listening, closing=whole.close_streams, started=started)
        finally:
            data.file(SERVING).unlink(missing_ok=True)
    if not served:
        raise Failure("it could not start; the reason is above", REFUSED)


def announce(data: DataFolder, url: str, kind: str) -> None:
    """Leave word for other commands on this machine."""
    data.write_private(SERVING, json.dumps({"url": url, "pid": os.getpid(), "kind": kind}))


def tell(data: DataFolder, url: str, as_json: bool) -> None:
    said: dict[str, Any] = {"url": url, "data": str(data.path), "admin_key": str(data.admin_key)}
    if as_json:
        json_line(said)
        return
    hint(
        f"\nConvene answers at {url}\n"
        f"  data folder          {data.path}\n"
        f"  administrator's key  {data.admin_key} (other commands on this machine find it by themselves)\n"
        f"  next                 {command()} partners list; {command()} people invite --name ... --partner ...\n"
        "  end it               Ctrl-C\n"
    )


async def load(data: DataFolder, url: str, as_json: bool) -> None:
    """Load the demo through the server's own public door, then say where to look."""
    from convene import ConveneError, Unreachable

    from infra.demo.load import DemoFailed, load_demo
    from infra.demo.telling import tell as tell_demo

    key = data.admin_key.read_text().strip()
    try:
        result = await load_demo(url, key, data.file(DEMO_KEYS), quiet=as_json)
    except (ConveneError, Unreachable, DemoFailed) as error:
        hint(f"the demo could not be loaded, but the server runs: {error}")
        tell(data, url, as_json)
        return
    if as_json:
        json_line({"url": url, "data": str(data.path), "admin_key": str(data.admin_key), "demo": result.as_json()})
    else:
        tell_demo(result)
