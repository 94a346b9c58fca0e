"""The kernel's own log device.

Turns ``/dev/kmsg`` (``kernel/printk/printk.c:devkmsg_read()``, since 3.5), or anything that gives one record at each
read as it does, into lines for `oomparse.transports.kmsg`: a record's text, then its dictionary lines.  Where the
kernel has overwritten records before they were read, reading goes on with the oldest that is left; the gap shows in
the sequence numbers.
"""

import errno
import os
import re
import select
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Self

from oomparse.errors import SourceError
from oomparse.message import Line

DEVICE = "/dev/kmsg"
RECORD_BYTES = 1 << 16
"""More than any record takes (the kernel formats them in 8 KiB)."""
TICK_SECONDS = 0.05

_SEQUENCE = re.compile(rb"\d{1,5},(\d{1,20}),")
_HELP = {
    errno.ENOENT: "this machine (or container) has no such device: read the log of the host, e.g. dmesg | oomparse -",
    errno.EPERM: "the kernel shows its log to root alone (kernel.dmesg_restrict): run as root or with CAP_SYSLOG",
    errno.EACCES: "no permission to read the kernel's log: run as root",
}


class Kmsg:
    """An open log device, to be read once, in one thread."""

    def __init__(self, device: str | int = DEVICE, *, from_end: bool = False, after: int | None = None) -> None:
        """Open ``device`` (or take over a file descriptor).

        Reading begins with the oldest record that the kernel still has, with what comes from now on (``from_end``),
        or behind the record with the sequence number ``after``.  Raises `SourceError` where that is not possible.
        """
        self.path = device if isinstance(device, str) else DEVICE
        self.overruns = 0
        """How often the kernel was faster than the reader, and records were lost."""
        self._after = after
        self._number = 0
        self._ended = False
        if isinstance(device, str) and os.path.isfile(device):  # noqa: PTH113 - A plain question
            raise SourceError(
                "this is a file, not a log device: oomparse FILE reads what was copied from one", path=device
            )
        try:
            if isinstance(device, str):
                self._descriptor = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            else:
                self._descriptor = device
                os.set_blocking(device, False)
            if from_end:
                os.lseek(self._descriptor, 0, os.SEEK_END)
        except OSError as error:
            what = _HELP.get(error.errno or 0) or f"cannot be read: {error.strerror}"
            raise SourceError(what, path=self.path) from error

    def records(self) -> Iterator[tuple[Line, ...]]:
        """Yield the records up to the present end, each as its lines."""
        while (data := self._read()) is not None:
            if data:
                yield self._lines(data)

    def lines(self) -> Iterator[Line]:
        """Yield the lines of all records up to the present end."""
        for record in self.records():
            yield from record

    def follow(self, stop: Event, *, tick_seconds: float = TICK_SECONDS) -> Iterator[Line | None]:
        """Yield lines as the kernel prints, until ``stop`` is set; None at each end, and every ``tick_seconds`` there.

        Ends by itself where a device that is none (a pipe) is closed.
        """
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        while not stop.is_set():
            for record in self.records():
                yield from record
                if stop.is_set():
                    return
            yield None
            if self._ended:
                return
            poll.poll(tick_seconds * 1000)

    def _read(self) -> bytes | None:
        """Return a record, nothing (for one that is not wanted), or None where there is none yet."""
        try:
            data = os.read(self._descriptor, RECORD_BYTES)
        except BlockingIOError:
            return None
        except BrokenPipeError:
            self.overruns += 1
            return b""
        except OSError as error:
            raise SourceError(f"reading failed: {error.strerror}", path=self.path) from error
        if not data:
            self._ended = True
            return None
        if self._after is not None and (match := _SEQUENCE.match(data)) and int(match[1]) <= self._after:
            return b""
        return data

    def _lines(self, data: bytes) -> tuple[Line, ...]:
        start = self._number + 1
        texts = data.removesuffix(b"\n").split(b"\n")
        self._number += len(texts)
        return tuple(Line(text, number, self.path) for number, text in enumerate(texts, start))

    def close(self) -> None:
        """Close the device."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def boot_id() -> str | None:
    """Return the id of this boot, 32 hexadecimal digits as in a journal: sequence numbers begin anew with each."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip().replace("-", "")
    except (OSError, ValueError):
        return None
