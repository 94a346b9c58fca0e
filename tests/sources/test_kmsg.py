import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from oomparse.errors import SourceError
from oomparse.message import Line
from oomparse.sources.kmsg import DEVICE, Kmsg, boot_id

RECORD = b"4,%d,7684207,-;text %d\n SUBSYSTEM=input\n DEVICE=+input:input0\n"


class FakeKmsg:
    """A device with real record boundaries: every packet is one read."""

    def __init__(self) -> None:
        self.far, near = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.kmsg = Kmsg(near.detach())

    def write(self, *numbers: int) -> None:
        for number in numbers:
            self.far.send(RECORD % (number, number))


@pytest.fixture
def fake() -> Iterator[FakeKmsg]:
    device = FakeKmsg()
    yield device
    device.kmsg.close()
    device.far.close()


def texts(lines: list[Line]) -> list[bytes]:
    return [line.data for line in lines if not line.data.startswith(b" ")]


def test_a_record_is_its_lines(fake: FakeKmsg) -> None:
    fake.write(1, 2)
    assert list(fake.kmsg.lines()) == [
        Line(b"4,1,7684207,-;text 1", 1, DEVICE),
        Line(b" SUBSYSTEM=input", 2, DEVICE),
        Line(b" DEVICE=+input:input0", 3, DEVICE),
        Line(b"4,2,7684207,-;text 2", 4, DEVICE),
        Line(b" SUBSYSTEM=input", 5, DEVICE),
        Line(b" DEVICE=+input:input0", 6, DEVICE),
    ]
    assert list(fake.kmsg.lines()) == []
    fake.write(3)
    assert next(fake.kmsg.lines()) == Line(b"4,3,7684207,-;text 3", 7, DEVICE)


def test_follow_ticks_while_nothing_happens(fake: FakeKmsg) -> None:
    stop = threading.Event()
    fake.write(1)
    seen: list[Line] = []
    ticks = 0
    for line in fake.kmsg.follow(stop, tick_seconds=0.001):
        if line is None:
            ticks += 1
            if ticks == 3:
                fake.write(2)
            if len(seen) == 6:
                stop.set()
        else:
            seen.append(line)
    assert texts(seen) == [b"4,1,7684207,-;text 1", b"4,2,7684207,-;text 2"]


def test_follow_wakes_at_once(fake: FakeKmsg) -> None:
    stop = threading.Event()
    following = fake.kmsg.follow(stop, tick_seconds=60)
    assert next(following) is None
    threading.Timer(0.05, fake.write, [1]).start()
    assert next(following) is not None


def test_follow_ends_with_the_other_side(fake: FakeKmsg) -> None:
    fake.write(1)
    fake.far.close()
    assert texts([line for line in fake.kmsg.follow(threading.Event()) if line]) == [b"4,1,7684207,-;text 1"]


def test_reading_goes_on_behind_a_sequence_number() -> None:
    far, near = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with far, Kmsg(near.detach(), after=2) as kmsg:
        for number in [1, 2, 3, 4]:
            far.send(RECORD % (number, number))
        assert texts(list(kmsg.lines())) == [b"4,3,7684207,-;text 3", b"4,4,7684207,-;text 4"]


def test_an_overrun_is_counted_and_survived(fake: FakeKmsg, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the kernel gives EPIPE at a read; here it is put in between two real ones."""
    fake.write(1, 9)
    real, calls = os.read, iter([False, True, False, False])

    def read(descriptor: int, size: int) -> bytes:
        if next(calls):
            raise BrokenPipeError(32, "Broken pipe")
        return real(descriptor, size)

    monkeypatch.setattr(os, "read", read)
    assert texts(list(fake.kmsg.lines())) == [b"4,1,7684207,-;text 1", b"4,9,7684207,-;text 9"]
    assert fake.kmsg.overruns == 1


@pytest.mark.parametrize(
    ("name", "says"), [("gone", "no such device"), ("file", "oomparse FILE"), ("", "reading failed")]
)
def test_what_is_no_device(name: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"4,1,2,-;x\n")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(SourceError, match=says) as caught, Kmsg(str(tmp_path / name)) as kmsg:
        list(kmsg.lines())
    assert str(tmp_path) in str(caught.value.path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_real_device() -> None:
    try:
        kmsg = Kmsg()
    except SourceError as error:
        pytest.skip(str(error))
    with kmsg:
        first = next(kmsg.lines(), None)
        assert first is None or first.data.split(b";")[0].count(b",") >= 2
    with Kmsg(from_end=True) as kmsg:
        assert all(int(line.data.split(b",")[1]) > 0 for line in kmsg.lines() if not line.data.startswith(b" "))


def test_boot_id() -> None:
    found = boot_id()
    assert found is None or len(found) == 32
