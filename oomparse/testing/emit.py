"""Sends the records of a log where a pipeline listens: standard output, a file that grows, a syslog socket.

Takes records as `oomparse.testing.wrap` makes them and a target: ``-``, a path, ``udp://host:port`` or
``tcp://host:port``.  It refuses a target that it cannot write to with a `SourceError` that says why.
"""

import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from oomparse.errors import SourceError

SYSLOG_PORT = 514

DEFAULT_FORM, SOCKET_FORM = "syslog-3164", "syslog-network"
"""How a log is written to a file, and to a socket: there a syslog server wants the priority first."""

STREAMS = frozenset({"journal-export", "journal-verbose", "dmesg-json"})
"""Formats whose records are not lines, so that they cannot be sent as datagrams."""

Sink: TypeAlias = Callable[[bytes], object]
"""Sends one record at once."""


@contextmanager
def sink(target: str) -> Iterator[Sink]:
    """Open a target: ``-`` is standard output, ``udp://`` and ``tcp://`` are syslog sockets, the rest is a path.

    Raises:
        SourceError: it cannot be opened, or takes no more.
    """
    scheme = urlsplit(target).scheme
    if target == "-":
        yield _print
        return
    try:
        if scheme in ("udp", "tcp"):
            with _connected(target) as connection:
                yield lambda record: _send(connection, record)
        else:
            with Path(target).open("ab", buffering=0) as file:
                yield file.write
    except OSError as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"cannot write there: {error.strerror or error}", path=target) from error


def form_for(target: str, form: str | None = None) -> str:
    """Return the format to write to a target: the one that is asked for, else the usual one there.

    Raises:
        LookupError: datagrams cannot carry it.
    """
    scheme = urlsplit(target).scheme
    if form is None:
        return SOCKET_FORM if scheme in ("udp", "tcp") else DEFAULT_FORM
    if form in STREAMS and scheme == "udp":
        raise LookupError(f"{form} is no format of lines, and cannot be sent as datagrams; use tcp:// or a file")
    return form


def emit(records: Iterable[bytes], send: Sink, *, rate: float | None = None) -> int:
    """Send records, at most ``rate`` a second, and return how many."""
    count = 0
    began = time.monotonic()
    for count, record in enumerate(records, 1):
        send(record)
        if rate:
            time.sleep(max(0.0, began + count / rate - time.monotonic()))
    return count


def _print(record: bytes) -> None:
    sys.stdout.buffer.write(record)
    sys.stdout.buffer.flush()


def _connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "127.0.0.1", parts.port or SYSLOG_PORT
    except ValueError as error:
        raise SourceError(str(error), path=url) from error
    if parts.scheme == "tcp":
        return socket.create_connection((host, port))
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    datagrams = socket.socket(family, kind, protocol)
    datagrams.connect(address)
    return datagrams


def _send(connection: socket.socket, record: bytes) -> None:
    """Send each line as a datagram, or with the newline that ends a message on a stream (RFC 6587, 3.4.2)."""
    for line in record.splitlines(keepends=True):
        connection.sendall(line.rstrip(b"\n") if connection.type == socket.SOCK_DGRAM else line)
