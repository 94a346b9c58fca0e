"""Records arrive where they were sent, whole and in order."""

import socket
import threading
from pathlib import Path

import pytest

from oomparse.errors import SourceError
from oomparse.testing.emit import emit, form_for, sink

RECORDS = [b"one\n", b"two\n", b"a\nb\n"]


def test_file_grows(tmp_path: Path) -> None:
    path = tmp_path / "kern.log"
    path.write_bytes(b"zero\n")
    with sink(str(path)) as send:
        assert emit(RECORDS, send, rate=1000) == 3
    assert path.read_bytes() == b"zero\none\ntwo\na\nb\n"


def test_udp_sends_each_line_as_a_datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        with sink(f"udp://127.0.0.1:{server.getsockname()[1]}") as send:
            emit(RECORDS, send)
        assert [server.recv(100) for _ in range(4)] == [b"one", b"two", b"a", b"b"]


def test_tcp_ends_each_line_with_a_newline() -> None:
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as stream:
                received.append(stream.read())

        thread = threading.Thread(target=serve)
        thread.start()
        with sink(f"tcp://127.0.0.1:{server.getsockname()[1]}") as send:
            emit(RECORDS, send)
        thread.join(5)
    assert received == [b"one\ntwo\na\nb\n"]


@pytest.mark.parametrize("target", ["/nowhere/kern.log", "udp://127.0.0.1:notaport", "tcp://127.0.0.1:1"])
def test_what_cannot_be_opened_is_named(target: str) -> None:
    with pytest.raises(SourceError) as caught, sink(target):
        pass
    assert caught.value.path == target


def test_socket_gets_priorities_unless_asked_otherwise() -> None:
    assert form_for("kern.log") == form_for("-") == "syslog-3164"
    assert form_for("udp://127.0.0.1:514") == form_for("tcp://127.0.0.1:514") == "syslog-network"
    assert form_for("tcp://127.0.0.1:19532", "journal-export") == "journal-export"
    with pytest.raises(LookupError, match="no format of lines"):
        form_for("udp://127.0.0.1:514", "journal-export")
