"""A process that has imported the product once and forks a new `convene ...` on request: what `processes.py` talks to.

A start costs mostly imports; twenty starts of a fork are as real as twenty starts of a program (own pid, own files, own
signals) and cost a tenth. Requests and answers are JSON, one a line.
"""

import ctypes
import json
import os
import signal
import sys
from typing import Any

# ruff: noqa: E402 - what the imports do depends on the two lines before them
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # no thread may live where we fork

from shared import sqlite

sqlite.install()

import dashboard.app
import infra.cli.app
import infra.gateway
import infra.serving
import infra.up
import services.activities.app
import services.notifications.app
import services.partners.app

LOADED = (dashboard, infra, services)
_PR_SET_PDEATHSIG = 1


def main() -> None:
    codes: dict[int, int] = {}
    _say({"ready": os.getpid()})
    for line in sys.stdin:
        request = json.loads(line)
        if "arguments" in request:
            _say({"pid": _fork(request)})
        else:
            _reap(codes)
            _say({"code": codes.get(request["code_of"])})


def _fork(request: dict[str, Any]) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        if sys.platform.startswith("linux"):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)
        os.setsid()
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ.clear()
        os.environ.update(request["environment"])
        sys.argv = ["convene", *request["arguments"]]
        from infra.cli.app import main as convene

        convene()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _reap(codes: dict[int, int]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        codes[pid] = os.waitstatus_to_exitcode(status)


def _say(answer: dict[str, Any]) -> None:
    sys.__stdout__.write(json.dumps(answer) + "\n")
    sys.__stdout__.flush()


if __name__ == "__main__":
    main()
