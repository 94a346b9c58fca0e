import random

import pytest

from oomparse.sources.rotation import rotation_of


@pytest.mark.parametrize(
    ("base", "oldest_first"),
    [
        ("kern.log", ["kern.log.10.gz", "kern.log.9.gz", "kern.log.2.gz", "kern.log.1", "kern.log"]),
        ("messages", ["messages-20251228.xz", "messages-20260104", "messages-20260111", "messages"]),
        ("kern.log", ["kern.log-20261121.gz", "kern.log-20261122.zst", "kern.log"]),
        ("kern.log", ["kern-20261121.log.gz", "kern-20261122.log", "kern.log"]),
        ("syslog", ["syslog.2.zst", "syslog.1.zst", "syslog.0", "syslog"]),
        ("dmesg", ["dmesg.4.gz", "dmesg.1.gz", "dmesg.0", "dmesg"]),
        ("dmesg", ["dmesg.old", "dmesg"]),
        ("messages", ["messages-2026-11-20", "messages.2026-11-21", "messages_20261122"]),
        ("messages", ["messages-2026112022", "messages-2026112101.bz2", "messages"]),
        ("messages", ["messages-20261121-1795226584", "messages-20261121-1795230184", "messages"]),
        ("messages", ["messages-1795226584", "messages-1795230184", "messages"]),
        ("messages", ["messages-202510.gz", "messages-202511.gz", "messages"]),
        ("log", ["log.2025", "log.2026", "log"]),
        ("messages", ["messages-20261121.2.gz", "messages-20261121.1", "messages-20261121"]),
        ("host.example.com", ["host.example.com.1", "host.example.com"]),
        ("app.log", ["app-2026-11-21T02.log", "app.log"]),
    ],
)
def test_sets_and_their_order(base: str, oldest_first: list[str]) -> None:
    shuffled = random.Random(1).sample(oldest_first, len(oldest_first))
    assert {rotation_of(name).base for name in shuffled} == {base}
    assert sorted(shuffled, key=lambda name: rotation_of(name).age) == oldest_first


@pytest.mark.parametrize(
    "name", ["kern.log", "messages", "node12", "10.0.0.7", "10.0.0.7.log", "a", ".log", ".1", "x.tar", "\udcff\n", ""]
)
def test_names_of_nothing_else(name: str) -> None:
    assert rotation_of(name) == (name, (2, "", 0))
