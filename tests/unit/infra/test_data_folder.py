"""The data folder: one process, private secrets, a clock that goes on after a restart."""

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.data import DataFolder, DataFolderBusy, WrongClock
from shared.clock import SystemClock

START = datetime(2017, 4, 3, 8, tzinfo=UTC)

HOLD = """
import sys
from pathlib import Path
from infra.data import DataFolder
with DataFolder(Path(sys.argv[1])).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(DataFolderBusy, match=rf"process {other.pid}\b"), DataFolder(tmp_path).lock():
            pass
        other.kill()
    with DataFolder(tmp_path).lock():
        pass  # a killed holder leaves nothing behind


def test_secrets_are_private_and_stay(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "var")
    first = data.secret("session.key", lambda: "one")
    assert data.secret("session.key", lambda: "two") == first == "one"
    assert stat.S_IMODE(os.stat(data.file("session.key")).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(data.path).st_mode) == 0o700


def test_a_demo_goes_on_where_time_has_got_to(tmp_path: Path) -> None:
    data = DataFolder(tmp_path)
    began = data.clock(START).now()
    assert timedelta() <= began - START < timedelta(minutes=1)
    later = DataFolder(tmp_path)
    assert later.clock(START).now() >= began
    # without the setting, too: the data are the demo's for good
    assert later.clock(None).now() - began < timedelta(minutes=1)
    assert later.clock_start == START
    assert SystemClock(timedelta(seconds=later.clock_offset)).now() - began < timedelta(minutes=1)


@pytest.mark.parametrize("held", ["activities.db", "postgres/PG_VERSION", "kafka/1"])
def test_real_data_are_never_moved_into_the_past(tmp_path: Path, held: str) -> None:
    data = DataFolder(tmp_path)
    data.file(held).parent.mkdir(exist_ok=True)
    data.file(held).touch()
    with pytest.raises(WrongClock, match="--data"):
        data.clock(START)
    assert data.clock(None).now() - SystemClock().now() < timedelta(seconds=5)
