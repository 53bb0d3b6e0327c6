"""Free ports for our servers, and the port that the portal is asked to listen on."""

import errno
import os
import socket

from portal.stack.console import StackError


def free() -> int:
    """A loopback port that is free now. Whoever starts on it must check that it was the one to get it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def reserve(host: str, port: int) -> socket.socket:
    """Take host:port for the web server, before any long work. Raises StackError where that cannot be.

    The socket is bound but never listens, so that it takes no connection. It allows those of the same user that also
    set SO_REUSEPORT, as granian does, and refuses everybody else: two stacks cannot share a port by accident.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
    except (socket.gaierror, UnicodeError):
        raise StackError(f"HOST={host} is not an address of this machine. Set HOST=127.0.0.1 or 0.0.0.0.") from None
    try:
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
        holder = socket.socket(family, kind)
        if hasattr(socket, "SO_REUSEPORT"):
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            holder.bind(address)
        return holder
    except OSError as error:
        raise StackError(_why(error, host, port)) from None


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else port - 1
        return f"port {port} is taken by another program. Stop it, or choose another: PORT={other} make run"
    if error.errno == errno.EACCES:
        return f"port {port} is only for root (ports below 1024). Choose another: PORT=8000 make run"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"HOST={host} is not an address of this machine. Set HOST=127.0.0.1 or 0.0.0.0."
    return f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}."
