"""Free ports for servers that go away and come back."""

import random
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"


def _ephemeral_start() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 49152  # IANA's range, which the BSDs and macOS use


def free_ports(count: int) -> list[int]:
    """`count` ports that nobody listens on, below the range for outgoing connections.

    Inside that range a client that keeps trying to reach a killed server ends up connected to itself and holds the
    port when the server wants it back.
    """
    ceiling = _ephemeral_start()
    candidates = range(20000, ceiling) if ceiling > 21000 else range(ceiling, 65000)
    held: list[socket.socket] = []
    try:
        while len(held) < count:
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                sock.bind((LOOPBACK, random.choice(candidates)))
            except OSError:
                sock.close()
            else:
                held.append(sock)
        return [sock.getsockname()[1] for sock in held]
    finally:
        for sock in held:
            sock.close()
