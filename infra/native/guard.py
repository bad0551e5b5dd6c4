"""A small supervisor: starts one server and sees to it that the server ends when its owner does.

Run as a program, by path, with the standard library only (`python -I guard.py ...`): a thread or an exit handler
in the owner would not survive `kill -9`, and the kernel's "signal me when my parent dies" fires when the starting
*thread* ends, which is too early in a thread pool.

    guard.py LOCK OWNER_PID STOP_SIGNAL GRACE_SECONDS USER -- COMMAND...

LOCK is locked for as long as the guard or the server or a child of it lives, and holds the server's pid; that is how
any process finds out whether the server runs, without trusting a pid that may be somebody else's by now. USER is a
name to run as, or `-`. One line goes to stdout: `started PID`, `busy` or `failed REASON`. The owner is another
process than the starter where a server is shared.
"""

import contextlib
import ctypes
import fcntl
import os
import pwd
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import FrameType

_POLL_SECONDS = 0.5
_PR_SET_PDEATHSIG = 1  # prctl(2)


def main(arguments: list[str]) -> int:
    split = arguments.index("--")
    lock, owner, stop_signal, grace, user = arguments[:split]
    command = arguments[split + 1 :]
    lock_fd = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    if not _lock(lock_fd):
        return _say("busy", 3)
    os.ftruncate(lock_fd, 0)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    asked_to_stop: list[int] = []

    def on_stop(number: int, _frame: FrameType | None) -> None:
        asked_to_stop.append(number)

    def on_child(_number: int, _frame: FrameType | None) -> None:
        pass  # the wake-up pipe is what counts

    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGTERM, on_stop)
    signal.signal(signal.SIGCHLD, on_child)
    try:
        server = _start(command, None if user == "-" else user, lock_fd)
    except (OSError, subprocess.SubprocessError, KeyError) as broken:
        return _say(f"failed {broken}", 4)
    os.pwrite(lock_fd, f"{server.pid}\n".encode(), 0)
    _say(f"started {server.pid}", 0)
    owner_gone = _watch(int(owner))
    while server.poll() is None and not asked_to_stop and not owner_gone([wake_read]):
        with contextlib.suppress(BlockingIOError):
            os.read(wake_read, 512)
    if server.poll() is None:
        # A paused server would never see the signal.
        server.send_signal(signal.SIGCONT)
        server.send_signal(int(stop_signal))
        try:
            server.wait(float(grace))
        except subprocess.TimeoutExpired:
            server.kill()
    return server.wait()


def _lock(lock_fd: int) -> bool:
    # Whoever asks "does it run?" holds a shared lock for an instant: one refusal is not yet an answer.
    for _ in range(20):
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.01)
        else:
            return True
    return False


def _start(command: list[str], user: str | None, lock_fd: int) -> "subprocess.Popen[bytes]":
    group = None if user is None else pwd.getpwnam(user).pw_gid
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if sys.stderr is None else sys.stderr.fileno(),
        user=user,
        group=group,
        extra_groups=None if user is None else [],
        pass_fds=[lock_fd],
        start_new_session=True,
        # After the change of user, which would clear it; the guard has one thread, so "parent thread" is the guard.
        preexec_fn=_die_with_guard(os.getpid()),
    )


def _die_with_guard(guard: int) -> Callable[[], None] | None:
    """On Linux the server is also killed when the guard itself is: nothing else could see that."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)

    def ask_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:
            os._exit(1)

    return ask_kernel


def _watch(owner: int) -> Callable[[list[int]], bool]:
    """A function that waits for the given descriptors or the owner's end, and tells whether the owner is gone."""
    if hasattr(os, "pidfd_open"):
        try:
            handle = os.pidfd_open(owner)
        except ProcessLookupError:
            return lambda _others: True
        except OSError:
            pass  # a kernel without it
        else:
            return lambda others: handle in select.select([handle, *others], [], [])[0]

    def poll(others: list[int]) -> bool:
        select.select(others, [], [], _POLL_SECONDS)
        try:
            os.kill(owner, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False

    return poll


def _say(line: str, code: int) -> int:
    # The starter may be gone already; that is no reason to leave the server without a guard.
    with contextlib.suppress(OSError):
        os.write(1, f"{line}\n".encode())
    with contextlib.suppress(OSError):
        os.close(1)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
